import { closeSync, openSync, readSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import type { ReportEntry } from '../core/events.ts';
import type { SerializedError } from '../core/failure.ts';
import { isJsonObject } from '../core/json.ts';
import { hasCode } from '../core/recipe-error.ts';

/** A step that prints metrics without end must not fill memory: further lines are dropped and counted. */
const MAX_ENTRIES = 200_000;
const MAX_LINE = 64 * 1024;

/** Reads `report.jsonl` while the step appends to it. */
export class ReportTail {
  readonly #path: string;
  readonly #onEntry: (entry: ReportEntry) => void;
  readonly #decoder = new StringDecoder('utf8');
  #offset = 0;
  #rest = '';
  readonly entries: ReportEntry[] = [];
  readonly problems: string[] = [];
  /** What a TypeScript step threw. */
  thrown: SerializedError | undefined;

  constructor(path: string, onEntry: (entry: ReportEntry) => void) {
    this.#path = path;
    this.#onEntry = onEntry;
  }

  /** Takes in the whole lines that are there. */
  poll(): void {
    let fd: number;
    try {
      fd = openSync(this.#path, 'r');
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return;
      throw error;
    }
    try {
      const buffer = Buffer.allocUnsafe(64 * 1024);
      for (;;) {
        const count = readSync(fd, buffer, 0, buffer.length, this.#offset);
        if (count === 0) return;
        this.#offset += count;
        this.#take(this.#decoder.write(buffer.subarray(0, count)));
      }
    } finally {
      closeSync(fd);
    }
  }

  /** The last line may lack its line feed. */
  finish(): void {
    this.poll();
    if (this.#rest.trim() !== '') this.#line(this.#rest);
    this.#rest = '';
  }

  /** An entry that the step did not write itself. */
  add(entry: ReportEntry): void {
    if (this.entries.length >= MAX_ENTRIES) this.#problem('the report is too long; the rest is dropped');
    else {
      if (entry.type !== 'progress') this.entries.push(entry);
      this.#onEntry(entry);
    }
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') this.#line(line);
    if (this.#rest.length > MAX_LINE) this.#rest = '';
  }

  #line(line: string): void {
    const entry = parse(line);
    if (entry === undefined) this.#problem(`a line of the report is not understood: ${line.slice(0, 120)}`);
    else if (entry.type === 'error') this.thrown = entry.error;
    else this.add(entry);
  }

  #problem(text: string): void {
    if (this.problems.length < 10 && !this.problems.includes(text)) this.problems.push(text);
  }
}

type Line = ReportEntry | { type: 'error'; error: SerializedError };

function parse(line: string): Line | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    // Any program may write here: what is not JSON is reported, not fatal.
    return undefined;
  }
  return isJsonObject(value) && isEntry(value) ? (value as unknown as Line) : undefined;
}

function isEntry(value: { readonly [key: string]: unknown }): boolean {
  switch (value['type']) {
    case 'metric':
      return (
        typeof value['key'] === 'string' && (typeof value['value'] === 'number' || value['value'] === 'NaN')
      );
    case 'param':
    case 'tag':
      return typeof value['key'] === 'string' && typeof value['value'] === 'string';
    case 'progress':
      return typeof value['done'] === 'number';
    case 'dataset':
      return ['name', 'digest', 'source'].every((key) => typeof value[key] === 'string');
    case 'warning':
      return typeof value['message'] === 'string';
    case 'error':
      return isJsonObject(value['error']);
    default:
      return false;
  }
}
