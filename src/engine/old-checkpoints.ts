import { existsSync, lstatSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Fingerprint, fingerprint } from '../core/ids.ts';
import { hasCode } from '../core/recipe-error.ts';
import type { Results } from '../store/results.ts';
import {
  bytesBelow,
  CHECKPOINTS,
  checkpointNoteOf,
  checkpointOf,
  NOTES,
  removeWhole,
} from './kept-folders.ts';
import type { SingleFlight } from './single-flight.ts';

/** A checkpoint that nobody wrote to for so long is of a task that nobody comes back to. */
const KEEP_MS = 7 * 86_400_000;

/** A checkpoint, its note, or what somebody left who died while bringing or removing one. */
const NAME = /^([0-9a-f]{64})(?:-[0-9a-f-]{36})?$/;

export interface CheckpointGc {
  readonly home: string;
  readonly results: Results;
  /** Of one's own name: whoever is about to use a checkpoint has to wait. */
  readonly flights: SingleFlight;
  /** Whether a worker of a fleet lives in this home. It uses checkpoints without a flight. */
  readonly hasWorker: () => boolean;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
  /** Only say what would go. */
  readonly dryRun: boolean;
}

/** What went, or would. */
export interface CheckpointsGone {
  readonly count: number;
  /** Folders that were half brought or half removed. */
  readonly leftovers: number;
  /** Notes of which saved checkpoint a folder goes on from. */
  readonly notes: number;
  /** Of files in both kinds of folders. */
  readonly bytes: number;
}

/**
 * Removes the checkpoints that nobody goes on from: the task has a whole result that is newer, or nothing was
 * written to it for a week. What a living step or worker may use stays.
 */
export function collectCheckpoints(gc: CheckpointGc): CheckpointsGone {
  const gone = { count: 0, leftovers: 0, notes: 0, bytes: 0 };
  for (const [task, names] of namesByTask(gc.home)) {
    if (gc.flights.take(task) !== undefined) continue;
    try {
      if (!gc.hasWorker()) collectTask(task, names, gc, gone);
    } finally {
      gc.flights.release(task);
    }
  }
  return gone;
}

function collectTask(
  task: Fingerprint,
  names: readonly string[],
  { home, results, now, dryRun }: CheckpointGc,
  gone: { -readonly [Key in keyof CheckpointsGone]: number },
): void {
  const folder = checkpointOf(home, task);
  const isThere = existsSync(folder);
  const isOver = isThere && isNeedless(task, folder, results, now);
  // Without its note a folder only seems older than it is; with the note of another it would seem newer.
  const note = checkpointNoteOf(home, task);
  if ((!isThere || isOver) && existsSync(note)) {
    if (!dryRun) rmSync(note, { force: true });
    gone.notes += 1;
  }
  const take = (path: string, remove: (path: string) => void): boolean => {
    const bytes = bytesBelow(path);
    const isGone = dryRun || isRemoved(path, remove);
    if (isGone) gone.bytes += bytes;
    return isGone;
  };
  if (isOver && take(folder, removeWhole)) gone.count += 1;
  for (const name of names.filter((one) => one !== task))
    if (take(join(home, CHECKPOINTS, name), removeLeftover)) gone.leftovers += 1;
}

function isNeedless(task: Fingerprint, folder: string, results: Results, now: number): boolean {
  return now - newest(folder) > KEEP_MS || hasEndedSince(task, folder, results);
}

/** Whether the task has a result that came after all that is in its checkpoint: whoever was to remove that has died. */
export function hasEndedSince(task: Fingerprint, folder: string, results: Results): boolean {
  const result = existsSync(folder) ? results.find(task) : undefined;
  return result !== undefined && result.producer.at >= newest(folder);
}

/** Removes checkpoints of tasks that nobody came back to. No driver may be alive that might use one. */
export function removeOldCheckpoints(home: string, now: number): void {
  for (const [task, names] of namesByTask(home))
    for (const name of names) {
      const path = join(home, CHECKPOINTS, name);
      if (now - newest(path) <= KEEP_MS) continue;
      if (name === task) rmSync(checkpointNoteOf(home, task), { force: true });
      isRemoved(path, name === task ? removeWhole : removeLeftover);
    }
}

/** Names below `checkpoints/` by the task that they are of; a task that only has a note has none. */
function namesByTask(home: string): Map<Fingerprint, readonly string[]> {
  const tasks = new Map<Fingerprint, string[]>();
  const note = (name: string, list: readonly string[]): void => {
    const [, task] = NAME.exec(name) ?? [];
    if (task !== undefined) tasks.set(fingerprint(task), [...(tasks.get(fingerprint(task)) ?? []), ...list]);
  };
  for (const name of namesIn(join(home, CHECKPOINTS))) note(name, [name]);
  for (const name of namesIn(join(home, NOTES))) note(name, []);
  return tasks;
}

function namesIn(dir: string): string[] {
  return existsSync(dir) ? readdirSync(dir) : [];
}

function removeLeftover(path: string): void {
  rmSync(path, { recursive: true, force: true });
}

/** False for what a step has made so that we may not remove it: it stays, and nothing else suffers. */
function isRemoved(path: string, remove: (path: string) => void): boolean {
  try {
    remove(path);
    return true;
  } catch (error) {
    if (!hasCode(error, 'EACCES') && !hasCode(error, 'EPERM')) throw error;
    return false;
  }
}

/** When something in a folder last changed, in milliseconds since the Unix epoch; of a link, itself. */
function newest(dir: string): number {
  const times = readdirSync(dir, { recursive: true, encoding: 'utf8' }).map(
    (name) => lstatSync(join(dir, name), { throwIfNoEntry: false })?.mtimeMs ?? 0,
  );
  return times.reduce((latest, time) => Math.max(latest, time), lstatSync(dir).mtimeMs);
}
