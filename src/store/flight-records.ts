import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { namesIn, textOf } from './if-there.ts';
import { inFolder, makeFolder } from './in-folder.ts';
import type { CacheLayout } from './layout.ts';
import { linkExclusively } from './link-exclusively.ts';
import { flightPath, isRecordName, recordBytes, recordPath } from './remote/flight-path.ts';
import type { Flight } from './remote/remote.ts';
import { removeFile } from './remove-file.ts';

/** Records of flights in a folder that several processes, on several machines, write to. */
export class FlightRecords {
  readonly #layout: Pick<CacheLayout, 'root' | 'base' | 'tmp'>;

  constructor(layout: Pick<CacheLayout, 'root' | 'base' | 'tmp'>) {
    this.#layout = layout;
  }

  /**
   * Gives a record its name, whole; false if another has it. It is not brought to the disk: with the power a
   * record may be lost, or its text, which costs the time of one more try.
   *
   * @throws RangeError
   */
  write(flight: Flight, name: string, text: string): boolean {
    const path = join(this.#layout.root, recordPath(flight, name));
    const bytes = recordBytes(text);
    const { tmp, base } = this.#layout;
    const temporary = join(tmp, randomUUID());
    // Mostly neither is there: asking for the inner one first would be one more call, that fails.
    for (const dir of [dirname(dirname(path)), dirname(path)]) makeFolder(dir, base);
    try {
      inFolder(tmp, () => writeFileSync(temporary, bytes, { flag: 'wx', mode: 0o644 }), base);
      return linkExclusively(temporary, path);
    } finally {
      removeFile(temporary);
    }
  }

  /** @throws RangeError */
  remove(flight: Flight, names: readonly string[]): void {
    for (const name of names) removeFile(join(this.#layout.root, recordPath(flight, name)));
  }

  /** How many a flight has. */
  count(flight: Flight): number {
    return namesIn(join(this.#layout.root, flightPath(flight))).filter(isRecordName).length;
  }

  /** @throws RangeError */
  read(flight: Flight): ReadonlyMap<string, string> {
    const dir = join(this.#layout.root, flightPath(flight));
    const records = new Map<string, string>();
    for (const name of namesIn(dir).filter(isRecordName).toSorted()) {
      // gc takes old flights.
      const text = textOf(join(dir, name));
      if (text !== undefined) records.set(name, text);
    }
    return records;
  }
}
