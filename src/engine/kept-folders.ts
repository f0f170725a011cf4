import { randomUUID } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Fingerprint } from '../core/ids.ts';
import type { StepFile } from '../core/step-file.ts';
import type { Task } from './ports.ts';

/** A checkpoint that nobody wrote to for so long is of a task that nobody comes back to. */
const KEEP_MS = 7 * 86_400_000;

/**
 * Gives an attempt the folders that outlive it: what earlier attempts at the same fingerprint left as their
 * checkpoint, of which only one is under way at a time, and the machine's named caches.
 */
export function layOutKept(
  { step, fingerprint, fresh }: Task,
  dir: string,
  home: string,
): Pick<StepFile, 'checkpoint' | 'caches'> {
  const caches: Record<string, string> = {};
  for (const name of step.caches ?? []) {
    caches[name] = join(home, 'caches', name);
    mkdirSync(join(home, 'caches', name), { recursive: true });
  }
  const kept = Object.keys(caches).length === 0 ? {} : { caches };
  if (step.checkpoint === undefined) return kept;
  const folder = checkpointOf(home, fingerprint);
  if (fresh) removeWhole(folder);
  mkdirSync(folder, { recursive: true });
  const checkpoint = join(dir, 'checkpoint');
  symlinkSync(folder, checkpoint);
  return { ...kept, checkpoint };
}

/** The task is done: nobody goes on with it. */
export function removeCheckpoint(home: string, fingerprint: Fingerprint): void {
  removeWhole(checkpointOf(home, fingerprint));
}

/** Removes checkpoints of tasks that nobody came back to. No driver may be alive that might use one. */
export function removeOldCheckpoints(home: string, now: number): void {
  const dir = join(home, 'checkpoints');
  if (!existsSync(dir)) return;
  for (const name of readdirSync(dir)) {
    const path = join(dir, name);
    if (now - newest(path) > KEEP_MS) rmSync(path, { recursive: true, force: true });
  }
}

/** How many checkpoints there are, and the bytes of their files. */
export function checkpointUse(home: string): { count: number; bytes: number } {
  const dir = join(home, 'checkpoints');
  if (!existsSync(dir)) return { count: 0, bytes: 0 };
  let bytes = 0;
  for (const name of readdirSync(dir, { recursive: true, encoding: 'utf8' })) {
    const found = lstatSync(join(dir, name), { throwIfNoEntry: false });
    if (found?.isFile() === true) bytes += found.size;
  }
  return { count: readdirSync(dir).length, bytes };
}

/** At once: whoever dies here leaves no half of a checkpoint under its name. */
function removeWhole(folder: string): void {
  if (!existsSync(folder)) return;
  const gone = `${folder}-${randomUUID()}`;
  renameSync(folder, gone);
  rmSync(gone, { recursive: true, force: true });
}

/** When something in a folder last changed. */
function newest(dir: string): number {
  const times = readdirSync(dir, { recursive: true, withFileTypes: true }).map(
    (entry) => statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.mtimeMs ?? 0,
  );
  return Math.max(statSync(dir).mtimeMs, ...times);
}

/** The folder of a task's checkpoint, which may not be there. */
export function checkpointOf(home: string, fingerprint: Fingerprint): string {
  return join(home, 'checkpoints', fingerprint);
}
