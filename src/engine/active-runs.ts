import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
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
import { removeOldCheckpoints } from './old-checkpoints.ts';
import { journalPath, readJournal } from './read-journal.ts';
import type { ProcessIdentity } from './single-flight.ts';

/** Folders below `attempts/` with this beginning hold a launcher's pipes, of use to its own run only. */
export const PIPES = 'pipes-';

const KEEP_ATTEMPTS_MS = 7 * 86_400_000;

/** The process of a run, or a worker's. */
export interface MarkedProcess extends ProcessIdentity {
  /** A driver's or a scheduler's, which has other runs, too: told to end, it would end them all. */
  readonly hasOthers?: boolean;
}

/** A new name below `attempts/`: it says whose attempt it is before anything else is known of it. */
export function attemptName(run: string): string {
  return `${run}-${randomBytes(6).toString('hex')}`;
}

/**
 * Leaves a mark that stays until `remove`: a mark without its process is a run that was cut off. Nobody
 * sees half a mark: it would pass for that of a dead process.
 */
export function markActive(home: string, run: string, me: MarkedProcess): { readonly remove: () => void } {
  const dir = join(home, 'active');
  mkdirSync(dir, { recursive: true });
  const temporary = join(dir, `.${run}`);
  writeFileSync(temporary, JSON.stringify(me));
  failpoint('mark.before-rename');
  renameSync(temporary, join(dir, run));
  failpoint('mark.after-rename');
  return {
    remove: () => {
      failpoint('mark.before-remove');
      rmSync(join(dir, run), { force: true });
    },
  };
}

/** Runs, and workers, whose process lives, by name, the oldest first. */
export function livingMarks(
  home: string,
  isAlive: (process: ProcessIdentity) => boolean,
): readonly { readonly name: string; readonly process: MarkedProcess }[] {
  return markedRuns(home)
    .toSorted()
    .map((name) => ({ name, process: readMark(join(home, 'active', name)) }))
    .filter(({ process }) => isAlive(process));
}

/** Runs, and workers, that go on or were cut off and are not closed yet. */
export function markedRuns(home: string): string[] {
  const dir = join(home, 'active');
  return existsSync(dir) ? readdirSync(dir).filter((name) => !name.startsWith('.')) : [];
}

interface Undertaker {
  readonly isAlive: (process: ProcessIdentity) => boolean;
  /** Ends a process group if it is still the one recorded. */
  readonly endLeftover: (group: ProcessGroup) => boolean;
  /** Ends processes by the `step.json` that their environment names: what no record was written of. */
  readonly endStrays: (isStray: (stepFile: string) => boolean) => void;
  /** Keeps other processes from closing the same runs meanwhile. */
  readonly exclusively: (work: () => void) => void;
  /** Brings elsewhere what the journal of a closed run says, and gives whether it could. May be told of the same run again. */
  readonly settle: (run: string) => Promise<boolean>;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
}

/**
 * Closes runs whose driver died as `interrupted`, ends what they left running, and removes attempts that
 * are over a week old. The mark goes last: who dies here leaves it to the next.
 */
export async function closeInterruptedRuns(home: string, undertaker: Undertaker): Promise<void> {
  const { dead } = deadRuns(home, undertaker);
  cleanAttempts(home, undertaker);
  for (const run of dead) {
    undertaker.exclusively(() => closeJournal(home, run, undertaker.now));
    if (!(await undertaker.settle(run))) continue;
    failpoint('close.before-unmark');
    rmSync(join(home, 'active', run), { force: true });
  }
}

function deadRuns(home: string, { isAlive }: Undertaker): { dead: string[]; areAllDead: boolean } {
  const dir = join(home, 'active');
  const marks = markedRuns(home);
  const dead = marks.filter((run) => !isAlive(readMark(join(dir, run))));
  return { dead, areAllDead: dead.length === marks.length };
}

function readMark(path: string): MarkedProcess {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as MarkedProcess;
  } catch (error) {
    // Damaged, or somebody has just closed the run.
    if (error instanceof SyntaxError || hasCode(error, 'ENOENT')) return { pid: 0, boot: '', started: '' };
    throw error;
  }
}

/** Ends what dead runs left running. Old folders go once no driver lives that might use them. */
function cleanAttempts(home: string, undertaker: Undertaker): void {
  const dir = join(home, 'attempts');
  if (!existsSync(dir)) return;
  const { dead, areAllDead } = deadRuns(home, undertaker);
  if (dead.length === 0 && !areAllDead) return;
  const belongsToDead = (name: string): boolean => dead.some((run) => name.startsWith(`${run}-`));
  for (const name of readdirSync(dir)) {
    const path = join(dir, name);
    if (areAllDead || belongsToDead(name)) {
      const group = readRecord(join(path, 'process.json'));
      if (group !== undefined) undertaker.endLeftover(group);
    }
    if (!areAllDead) continue;
    const age = undertaker.now - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? undertaker.now);
    if (name.startsWith(PIPES) || age > KEEP_ATTEMPTS_MS) rmSync(path, { recursive: true, force: true });
  }
  if (areAllDead) removeOldCheckpoints(home, undertaker.now);
  if (dead.length > 0)
    undertaker.endStrays((file) => file.startsWith(`${dir}/`) && belongsToDead(file.slice(dir.length + 1)));
}

function readRecord(path: string): ProcessGroup | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ProcessGroup;
  } catch (error) {
    if (error instanceof SyntaxError || hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** A journal that says how its run ended is left as it is. */
function closeJournal(home: string, run: string, now: number): void {
  const events = readJournal(home, run);
  const last = events.at(-1);
  if (last === undefined) return;
  const state = emptyRun();
  for (const event of events) foldRun(state, event);
  if (state.finished !== undefined) return;
  const path = journalPath(home, run);
  // A torn last line stays where it is; readers pass over it.
  const isTorn = !readFileSync(path, 'utf8').endsWith('\n');
  const line = JSON.stringify(interruptedEvent(last, state, now));
  failpoint('close.before-write');
  appendFileSync(path, `${isTorn ? '\n' : ''}${line}\n`, { flush: true });
  failpoint('close.after-write');
}

function interruptedEvent(last: RunEvent, state: ReturnType<typeof emptyRun>, now: number): RunFinished {
  const kinds = [...state.steps.values()].map(({ kind }) => kind);
  const count = (kind: string): number => kinds.filter((one) => one === kind).length;
  return {
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
}
