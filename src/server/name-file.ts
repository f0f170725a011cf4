import type { Sql } from '../db/sql.ts';
import { digestOf } from '../store/hash.ts';
import { inList, listOf } from '../tracking/mlflow/in-list.ts';
import { fileInTheWay, isFolder } from './artifact-path.ts';
import { endOf, type Stored } from './uploaded-files.ts';

/** A file that has come. */
export interface NewFile extends Stored {
  /** What keeps its bytes from gc: a name that no other file has, nor had. */
  readonly pin: string;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
}

interface Pinned {
  readonly path: string;
  /** Null: it came before each file had a pin of its own, and is pinned by its path. */
  readonly pin: string | null;
}

/** Names in a path that whoever writes holds: mostly the experiment, the run and `artifacts`. */
const HELD = 3;

/**
 * Gives a file its name, and returns the pin of the one that had it before.
 *
 * @throws MlflowError INVALID_PARAMETER_VALUE where a file would be a folder too
 */
export async function nameFile(
  sql: Sql,
  { path, digest, size, pin, at }: NewFile,
): Promise<string | undefined> {
  const segments = path.split('/');
  const above = segments.slice(1).map((_, index) => segments.slice(0, index + 1).join('/'));
  await hold(sql, [...above, path].slice(0, HELD));
  if (
    (await sql.get(`SELECT 1 AS found FROM files WHERE path IN ${inList(sql, 'text')}`, listOf(above))) !==
    undefined
  )
    throw fileInTheWay(path);
  const below = `${path}/`;
  if (
    (await sql.get(
      'SELECT 1 AS found FROM files WHERE path >= ? AND path < ? LIMIT 1',
      below,
      endOf(below),
    )) !== undefined
  )
    throw isFolder(path);
  const before = await sql.get('SELECT path, pin FROM files WHERE path = ?', path);
  await sql.run(
    `INSERT INTO files (path, digest, size, created_at, pin) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (path) DO UPDATE SET digest = excluded.digest, size = excluded.size, created_at = excluded.created_at,
       pin = excluded.pin`,
    path,
    digest,
    size,
    at,
    pin,
  );
  return before === undefined ? undefined : pinOf(before as unknown as Pinned);
}

/** Forgets a file, or all below a folder, and gives their pins. */
export async function forgetFiles(sql: Sql, path: string): Promise<string[]> {
  const below = `${path}/`;
  const rows = await sql.all(
    'DELETE FROM files WHERE path = ? OR (path >= ? AND path < ?) RETURNING path, pin',
    path,
    below,
    endOf(below),
  );
  return rows.map((row) => pinOf(row as unknown as Pinned));
}

function pinOf({ path, pin }: Pinned): string {
  return pin ?? `file-${digestOf(path)}`;
}

/**
 * Until the transaction ends nobody else names anything at the last of these paths or below it, nor at one of
 * those before it. SQLite has one writer at a time.
 */
async function hold(sql: Sql, paths: readonly string[]): Promise<void> {
  if (sql.dialect === 'sqlite') return;
  for (const [index, path] of paths.entries()) {
    const how = index === paths.length - 1 ? '' : '_shared';
    await sql.get(`SELECT pg_advisory_xact_lock${how}(hashtextextended(?, 0))`, `files ${path}`);
  }
}
