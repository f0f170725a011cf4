import { randomUUID } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Fingerprint } from '../core/ids.ts';
import type { StepFile } from '../core/step-file.ts';
import { makePrivateFolder } from '../store/private-folder.ts';
import type { Task } from './ports.ts';

/** Folders below the home: of checkpoints, and of notes which saved one each of them goes on from. */
export const CHECKPOINTS = 'checkpoints';
export const NOTES = 'saved-checkpoints';

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
  makePrivateFolder(folder);
  const checkpoint = join(dir, 'checkpoint');
  symlinkSync(folder, checkpoint);
  return { ...kept, checkpoint };
}

/** The task is done: nobody goes on with it. */
export function removeCheckpoint(home: string, fingerprint: Fingerprint): void {
  removeWhole(checkpointOf(home, fingerprint));
}

/** How many checkpoints there are, and the bytes of their files. */
export function checkpointUse(home: string): { count: number; bytes: number } {
  const dir = join(home, CHECKPOINTS);
  if (!existsSync(dir)) return { count: 0, bytes: 0 };
  return { count: readdirSync(dir).length, bytes: bytesBelow(dir) };
}

/** Bytes of the files in a folder. */
export function bytesBelow(dir: string): number {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .map((name) => lstatSync(join(dir, name), { throwIfNoEntry: false }))
    .reduce((sum, found) => sum + (found?.isFile() === true ? found.size : 0), 0);
}

/** At once: whoever dies here leaves no half of a checkpoint under its name. */
export function removeWhole(folder: string): void {
  if (!existsSync(folder)) return;
  const gone = `${folder}-${randomUUID()}`;
  renameSync(folder, gone);
  rmSync(gone, { recursive: true, force: true });
}

/** The folder of a task's checkpoint, which may not be there. */
export function checkpointOf(home: string, fingerprint: Fingerprint): string {
  return join(home, CHECKPOINTS, fingerprint);
}

/** The note which checkpoint of the store, by number, the folder goes on from; it may not be there. */
export function checkpointNoteOf(home: string, fingerprint: Fingerprint): string {
  return join(home, NOTES, fingerprint);
}
