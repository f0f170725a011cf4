import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import { Masker } from './masking.ts';

const TAIL = 4096;

/**
 * What a step writes to stdout and stderr, in the order it arrived, masked, in a file that can be
 * followed. Past its limit the beginning is kept and the rest only counted, so that a step that prints
 * without end fills neither disk nor memory.
 */
export class AttemptLog {
  readonly #path: string;
  readonly #maxBytes: number;
  readonly #emit: (stream: 'stdout' | 'stderr', text: string) => void;
  readonly #streams: Record<'stdout' | 'stderr', { decoder: StringDecoder; masker: Masker }>;
  #fd: number | undefined;
  #size = 0;
  #dropped = 0;
  #tail = '';
  #failure: Error | undefined;

  constructor(
    path: string,
    secrets: readonly string[],
    maxBytes: number,
    emit: (stream: 'stdout' | 'stderr', text: string) => void,
  ) {
    this.#path = path;
    this.#maxBytes = maxBytes;
    this.#emit = emit;
    const stream = (): { decoder: StringDecoder; masker: Masker } => ({
      decoder: new StringDecoder('utf8'),
      masker: new Masker(secrets),
    });
    this.#streams = { stdout: stream(), stderr: stream() };
  }

  /** Last 4 KiB of text. */
  get tail(): string {
    return this.#tail;
  }

  /** Why the log could not be kept: a full disk. The step is let go on, but has not succeeded. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Whether the step wrote anything. */
  get isEmpty(): boolean {
    return this.#fd === undefined;
  }

  /** The whole log as it was kept, for the store. */
  read(): Buffer {
    return readFileSync(this.#path);
  }

  write(name: 'stdout' | 'stderr', chunk: Buffer): void {
    const { decoder, masker } = this.#streams[name];
    this.#append(name, masker.push(decoder.write(chunk)));
  }

  close(): void {
    for (const name of ['stdout', 'stderr'] as const) {
      const { decoder, masker } = this.#streams[name];
      this.#append(name, masker.push(decoder.end()) + masker.end());
    }
    if (this.#fd === undefined) return;
    if (this.#dropped > 0 && this.#failure === undefined)
      writeSync(this.#fd, `\n[log cut: ${this.#dropped} more bytes]\n`);
    closeSync(this.#fd);
  }

  #append(stream: 'stdout' | 'stderr', text: string): void {
    if (text === '') return;
    this.#tail = (this.#tail + text).slice(-TAIL);
    const bytes = Buffer.byteLength(text);
    if (this.#size + bytes > this.#maxBytes) {
      this.#dropped += bytes;
      return;
    }
    if (this.#failure !== undefined) return;
    try {
      this.#fd ??= openSync(this.#path, 'w');
      writeSync(this.#fd, text);
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error));
      return;
    }
    this.#size += bytes;
    this.#emit(stream, text);
  }
}
