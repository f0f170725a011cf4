import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { RecipeError } from '../core/recipe-error.ts';
import { mayNotOpen } from '../db/sqlite.ts';
import { SqliteReader } from '../db/sqlite-reader.ts';
import { tablesInWords } from '../db/tables-in-words.ts';

/**
 * Refuses a file that cannot be the tracking database: it is there, not empty, and not ours. `refuseKnown` says
 * more of those that it knows. Nothing is written to it.
 *
 * @throws RecipeError DATABASE_UNREACHABLE, DATABASE_NOT_OURS
 */
export async function checkDatabaseFile(path: string, refuseKnown: () => Promise<void>): Promise<void> {
  const folder = dirname(path);
  if (!existsSync(folder)) throw unreachableFile(path, `there is no folder ${folder}`);
  if (!statSync(folder).isDirectory()) throw unreachableFile(path, `${folder} is no folder`);
  if (!existsSync(path)) return;
  if (statSync(path).isDirectory()) throw unreachableFile(path, 'it is a folder');
  await orUnreachable(path, async () => {
    // SQLite takes a file that is shorter than its header for an empty one, and writes over it.
    if (!isSqlite(path)) throw notOurs(path, 'file is not a database');
    await refuseKnown();
    await using reader = SqliteReader.open(path);
    const rows = await reader.all(
      `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name`,
    );
    const [row] = await reader.all('PRAGMA user_version');
    const version = Number(row?.['user_version'] ?? 0);
    const tables = rows.map(({ name }) => String(name));
    if (tables.length === 0 && version === 0) return;
    if (version > 0 && OURS.every((name) => tables.includes(name))) return;
    throw notOurs(
      path,
      tables.length === 0 ? `it has the version ${version} and no tables` : `it has ${tablesInWords(tables)}`,
    );
  });
}

/** Since the first version. MLflow's database has them too, but no number of a version. */
const OURS = ['experiments', 'runs', 'latest_metrics', 'registered_models'];

/** What SQLite says of a file that this user may not open, or not write to, in the words for a user. */
export async function orUnreachable<T>(path: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (!mayNotOpen(cause)) throw cause;
    throw unreachableFile(path, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

function unreachableFile(path: string, problem: string, cause?: unknown): RecipeError {
  return new RecipeError('DATABASE_UNREACHABLE', { database: `sqlite:${path}`, problem }, { cause });
}

function notOurs(database: string, problem: string): RecipeError {
  return new RecipeError('DATABASE_NOT_OURS', { database, problem });
}

/** Whether a file is empty or begins as every SQLite file does: https://www.sqlite.org/fileformat.html#magic_header_string */
function isSqlite(path: string): boolean {
  const file = openSync(path, 'r');
  try {
    const head = Buffer.alloc(16);
    const length = readSync(file, head, 0, head.length, 0);
    return length === 0 || head.toString('latin1', 0, length) === 'SQLite format 3\0';
  } finally {
    closeSync(file);
  }
}
