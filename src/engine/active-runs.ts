import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { RunEvent, RunFinished } from '../core/events.ts';
import { failpoint } from '../core/failpoint.ts';
import { hasCode } from '../core/recipe-error.ts';
import { emptyRun, foldRun } from '../core/run-state.ts';
import type { ProcessGroup } from './launcher.ts';
import type { ProcessIdentity } from './single-flight.ts';

/** Folders below `attempts/` with this beginning hold a launcher's pipes, of use to its own run only. */
export const PIPES = 'pipes-';

const KEEP_ATTEMPTS_MS = 7 * 86_400_000;

/** Leaves a mark for as long as the run lives: a mark without its process is a run that was cut off. */
export function markActive(home: string, run: string, me: ProcessIdentity): Disposable {
  const dir = join(home, 'active');
  mkdirSync(dir, { recursive: true });
  const path = join(dir, run);
  writeFileSync(path, JSON.stringify(me));
  return { [Symbol.dispose]: () => rmSync(path, { force: true }) };
}

interface Undertaker {
  readonly isAlive: (process: ProcessIdentity) => boolean;
  /** Ends a process group if it is still the one recorded. */
  readonly endLeftover: (group: ProcessGroup) => boolean;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
  /** Does `work` while no other command does the same. */
  readonly alone: (work: () => void) => void;
  /** Brings elsewhere what the journal of a closed run says. May be told of the same run again. */
  readonly settle: (run: string) => Promise<void>;
}

/**
 * Closes runs whose driver died as `interrupted`, ends what they left running, and removes attempts that
 * are over a week old. The mark goes last: who dies here leaves it to the next.
 */
export async function closeInterruptedRuns(home: string, undertaker: Undertaker): Promise<void> {
  const dir = join(home, 'active');
  const marks = existsSync(dir) ? readdirSync(dir) : [];
  const dead = marks.filter((run) => !undertaker.isAlive(readMark(join(dir, run))));
  if (dead.length === marks.length) cleanAttempts(join(home, 'attempts'), undertaker);
  for (const run of dead) {
    undertaker.alone(() => closeJournal(join(home, 'runs', run, 'events-1.jsonl'), undertaker.now));
    failpoint('close.after-journal');
    await undertaker.settle(run);
    failpoint('close.before-unmark');
    rmSync(join(dir, run), { force: true });
  }
}

function readMark(path: string): ProcessIdentity {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ProcessIdentity;
  } catch (error) {
    // Cut off while it was written: whoever wrote it is gone, or will write no more.
    if (error instanceof SyntaxError || hasCode(error, 'ENOENT')) return { pid: 0, boot: '', started: '' };
    throw error;
  }
}

/** No driver lives: whatever attempts still run belongs to nobody. */
function cleanAttempts(dir: string, { endLeftover, now }: Undertaker): void {
  if (!existsSync(dir)) return;
  for (const name of readdirSync(dir)) {
    const path = join(dir, name);
    const record = join(path, 'process.json');
    if (existsSync(record)) {
      try {
        endLeftover(JSON.parse(readFileSync(record, 'utf8')) as ProcessGroup);
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
      }
    }
    if (name.startsWith(PIPES) || now - statSync(path).mtimeMs > KEEP_ATTEMPTS_MS)
      rmSync(path, { recursive: true, force: true });
  }
}

function closeJournal(path: string, now: number): void {
  if (!existsSync(path)) return;
  const text = readFileSync(path, 'utf8');
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  const state = emptyRun();
  let last: RunEvent | undefined;
  for (const line of whole.split('\n')) {
    if (line === '') continue;
    last = JSON.parse(line) as RunEvent;
    foldRun(state, last);
  }
  if (last === undefined || state.finished !== undefined) return;
  const kinds = [...state.steps.values()].map(({ kind }) => kind);
  const count = (kind: string): number => kinds.filter((one) => one === kind).length;
  const finished: RunFinished = {
    type: 'run.finished',
    seq: last.seq + 1,
    at: now,
    outcome: 'interrupted',
    durationMs: last.at - (state.started?.at ?? last.at),
    counts: {
      cached: count('cached'),
      succeeded: count('succeeded'),
      failed: count('failed'),
      skipped: count('skipped'),
      cancelled: kinds.length - count('cached') - count('succeeded') - count('failed') - count('skipped'),
    },
    savedMs: 0,
  };
  // A torn last line stays where it is; readers pass over it.
  appendFileSync(path, `${whole.length < text.length ? '\n' : ''}${JSON.stringify(finished)}\n`);
}
