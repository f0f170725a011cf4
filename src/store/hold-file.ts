import { rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { hasCode } from '../core/recipe-error.ts';

/**
 * Holds a file, which is made for that and gone afterwards, until this process lets go of it or dies: the kernel says so, to
 * processes of other containers too. Undefined: another holds it, or the disk knows no locks.
 */
export function holdFile(path: string): Disposable | undefined {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(path, { timeout: 0 });
    // A journal on the disk would be one more file.
    db.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    db?.close();
    if (!hasCode(error, 'ERR_SQLITE_ERROR')) throw error;
    return undefined;
  }
  const held = db;
  return {
    [Symbol.dispose]: () => {
      rmSync(path, { force: true });
      held.close();
    },
  };
}
