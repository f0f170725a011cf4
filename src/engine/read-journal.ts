import { closeSync, existsSync, fstatSync, openSync, readdirSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import type { RunEvent, RunFinished } from '../core/events.ts';
import type { Clock } from '../core/world.ts';
import { trackedRunId } from './tracked-plan.ts';

const POLL_MS = 100;
/** More than a name, or the line that ends a journal, takes. */
const PIECE_BYTES = 4096;

export function journalPath(home: string, run: string): string {
  return join(home, 'runs', run, 'events-1.jsonl');
}

/** The events of a run of this machine, oldest first; none if there is no such run. */
export function readJournal(home: string, run: string): RunEvent[] {
  const path = journalPath(home, run);
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').flatMap(parse) : [];
}

/** The newest run of a recipe on this machine; undefined if it never ran. */
export function newestRun(home: string, recipe: string): string | undefined {
  const dir = join(home, 'runs');
  if (!existsSync(dir)) return undefined;
  // Run ids begin with their time.
  return readdirSync(dir)
    .toSorted()
    .findLast((run) => recipeOf(journalPath(home, run)) === recipe);
}

/** The run of this machine that tracking knows by this id; undefined if there is none. */
export function runTrackedAs(home: string, id: string): string | undefined {
  const dir = join(home, 'runs');
  return existsSync(dir) ? readdirSync(dir).find((run) => trackedRunId(run) === id) : undefined;
}

/** The events of a run as they are written, until it has finished or `signal` is aborted. */
export async function* followJournal(
  home: string,
  run: string,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<RunEvent> {
  const fd = openSync(journalPath(home, run), 'r');
  try {
    const decoder = new StringDecoder('utf8');
    const buffer = Buffer.allocUnsafe(64 * 1024);
    let rest = '';
    for (;;) {
      const count = readSync(fd, buffer, 0, buffer.length, null);
      const lines = (rest + decoder.write(buffer.subarray(0, count))).split('\n');
      rest = lines.pop() ?? '';
      for (const event of lines.flatMap(parse)) {
        yield event;
        if (event.type === 'run.finished') return;
      }
      if (count > 0) continue;
      await clock.sleep(POLL_MS, signal).catch(() => {});
      if (signal.aborted) return;
    }
  } finally {
    closeSync(fd);
  }
}

/** A journal's first line says whose it is; lists of steps make it long. */
export function recipeOf(path: string): string | undefined {
  const head = pieceOf(path, () => 0);
  const name = /^\{"type":"run\.started".*?"recipe":("(?:[^"\\]|\\.)*")/.exec(head)?.[1];
  return name === undefined ? undefined : (JSON.parse(name) as string);
}

/** How a run ended: the last line of its journal. Undefined: it goes on, or its driver died and nobody closed it yet. */
export function endOf(path: string): RunFinished | undefined {
  const tail = pieceOf(path, (size) => Math.max(0, size - PIECE_BYTES));
  const last = tail.endsWith('\n') ? tail.slice(0, -1).split('\n').at(-1) : undefined;
  const [event] = parse(last ?? '');
  return event?.type === 'run.finished' ? event : undefined;
}

/** A few KiB of a file; nothing of one that is not there. */
function pieceOf(path: string, from: (size: number) => number): string {
  if (!existsSync(path)) return '';
  const fd = openSync(path, 'r');
  try {
    const buffer = Buffer.alloc(PIECE_BYTES);
    return buffer.toString('utf8', 0, readSync(fd, buffer, 0, buffer.length, from(fstatSync(fd).size)));
  } finally {
    closeSync(fd);
  }
}

/** The last line of a run that was cut off may be torn. */
function parse(line: string): RunEvent[] {
  try {
    return line === '' ? [] : [JSON.parse(line) as RunEvent];
  } catch (error) {
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}
