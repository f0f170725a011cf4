import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Fingerprint } from '../../core/ids.ts';
import { hasCode } from '../../core/recipe-error.ts';
import { checkpointNoteOf, checkpointOf, removeWhole } from '../../engine/kept-folders.ts';
import { type CheckpointPlace, placeIn } from './checkpoint-records.ts';

/** The checkpoint of a task in a worker's home, and the note which saved one it goes on from. */
export class OwnCheckpoint {
  readonly folder: string;
  readonly #note: string;

  constructor(home: string, fingerprint: Fingerprint) {
    this.folder = checkpointOf(home, fingerprint);
    this.#note = checkpointNoteOf(home, fingerprint);
  }

  /** What the folder goes on from: `nothing` that was saved if no worker wrote to it. Undefined: there is no folder. */
  goesOnFrom(): CheckpointPlace | 'nothing' | undefined {
    if (!existsSync(this.folder)) return undefined;
    try {
      return placeIn(readFileSync(this.#note, 'utf8')) ?? 'nothing';
    } catch (error) {
      if (hasCode(error, 'ENOENT')) return 'nothing';
      throw error;
    }
  }

  note({ start, number, result }: CheckpointPlace): void {
    mkdirSync(dirname(this.#note), { recursive: true });
    writeFileSync(this.#note, JSON.stringify({ start, number, result }));
  }

  /** Puts another folder in its place, or none. Whoever dies within leaves none. */
  replaceBy(folder: string | undefined, place: CheckpointPlace): void {
    removeWhole(this.folder);
    this.note(place);
    if (folder !== undefined) renameSync(folder, this.folder);
  }

  remove(): void {
    removeWhole(this.folder);
    rmSync(this.#note, { force: true });
  }
}
