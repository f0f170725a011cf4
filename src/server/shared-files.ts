import { randomUUID } from 'node:crypto';
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasCode, RecipeError } from '../core/recipe-error.ts';
import type { Database, Sql } from '../db/sql.ts';

const FILE = 'id';
const CACHE = 'cache';
const FOLDER = 'artifacts-folder';

/**
 * Files of a database's artifacts lie in one cache: a server with another one would answer that they are
 * gone. The first server on a database writes down which cache it is.
 *
 * @throws RecipeError CACHE_NOT_SHARED
 */
export async function requireSharedFiles(database: Database, cache: string): Promise<void> {
  const id = idOf(cache);
  const kept = await keptName(database, CACHE, id);
  if (kept !== id) throw new RecipeError('CACHE_NOT_SHARED', { cache, expected: kept });
}

/**
 * The same of the folder that clients' files lie in, if they lie in one.
 *
 * @param own what the server itself keeps in that folder
 * @throws RecipeError ARTIFACTS_ELSEWHERE
 */
export async function requireArtifactsFolder(
  database: Database,
  folder: { readonly dir: string; readonly own: string } | undefined,
): Promise<void> {
  const id = folder === undefined ? undefined : idOf(join(folder.dir, folder.own));
  const kept =
    id === undefined
      ? await database.read((sql) => nameKept(sql, FOLDER))
      : await keptName(database, FOLDER, id);
  if (kept !== id)
    throw new RecipeError('ARTIFACTS_ELSEWHERE', {
      folder: folder?.dir ?? 'the cache',
      expected: kept ?? '',
    });
}

/** The name that a database has written down; this one if there was none. */
async function keptName(database: Database, key: string, name: string): Promise<string> {
  return database.write(async (sql) => {
    await sql.run(
      'INSERT INTO server_settings (key, value) VALUES (?, ?) ON CONFLICT (key) DO NOTHING',
      key,
      name,
    );
    return (await nameKept(sql, key)) ?? name;
  });
}

async function nameKept(sql: Sql, key: string): Promise<string | undefined> {
  const row = await sql.get('SELECT value FROM server_settings WHERE key = ?', key);
  return row === undefined ? undefined : String(row['value']);
}

/** The name of a folder, which it keeps wherever it is mounted. */
function idOf(folder: string): string {
  const path = join(folder, FILE);
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
