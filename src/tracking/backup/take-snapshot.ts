import { DatabaseSync } from 'node:sqlite';
import type { Reader } from '../../db/reader.ts';
import type { SqlValue } from '../../db/sql.ts';
import { immediate, openSqlite } from '../../db/sqlite.ts';
import { TRACKING_MIGRATIONS } from '../sqlite/schema.ts';
import { insertInto, shared, tablesOf } from './tables.ts';

/** Writes an SQLite database as it is at this moment into a new file, while others go on writing to it. */
export function snapshotFile(from: string, to: string): void {
  const db = new DatabaseSync(from, { timeout: 10_000 });
  try {
    db.prepare('VACUUM INTO ?').run(to);
  } finally {
    db.close();
  }
}

/** Writes the tables of a PostgreSQL schema, as they were when `reader` was opened, into a new SQLite file. */
export async function snapshotTables(reader: Reader, schema: string, to: string): Promise<void> {
  const db = openSqlite({ path: to, migrations: TRACKING_MIGRATIONS, durability: 'normal' });
  try {
    db.exec('PRAGMA foreign_keys = OFF; PRAGMA journal_mode = DELETE');
    for (const all of tablesOf(db)) {
      const table = shared(all, await reader.columns(`${schema}.${all.name}`));
      if (table === undefined) continue;
      db.exec(`DELETE FROM ${table.name}`);
      const insert = db.prepare(insertInto(table));
      for await (const page of reader.pages(
        `SELECT ${table.columns.join(', ')} FROM ${schema}.${table.name}`,
      ))
        immediate(db, () => {
          for (const row of page) insert.run(...table.columns.map((column) => row[column] as SqlValue));
        });
    }
  } finally {
    db.close();
  }
}
