import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasCode, RecipeError } from '../core/recipe-error.ts';
import type { Database } from '../db/sql.ts';

const FILE = 'id';
const KEY = 'cache';

/**
 * Files of a database's artifacts lie in one cache: a server with another one would answer that they are
 * gone. The first server on a database writes down which cache it is.
 *
 * @throws RecipeError CACHE_NOT_SHARED
 */
export async function requireSharedFiles(database: Database, cache: string): Promise<void> {
  const id = idOf(cache);
  const kept = await database.write(async (sql) => {
    await sql.run(
      'INSERT INTO server_settings (key, value) VALUES (?, ?) ON CONFLICT (key) DO NOTHING',
      KEY,
      id,
    );
    return String((await sql.get('SELECT value FROM server_settings WHERE key = ?', KEY))?.['value']);
  });
  if (kept !== id) throw new RecipeError('CACHE_NOT_SHARED', { cache, expected: kept });
}

/** The name of a cache, which its folder keeps wherever it is mounted. */
function idOf(cache: string): string {
  const path = join(cache, FILE);
  const temporary = `${path}.${randomUUID()}`;
  writeFileSync(temporary, `${randomUUID()}\n`, { flag: 'wx' });
  try {
    linkSync(temporary, path);
  } catch (error) {
    // It has one already.
    if (!hasCode(error, 'EEXIST')) throw error;
  } finally {
    rmSync(temporary);
  }
  return readFileSync(path, 'utf8').trim();
}
