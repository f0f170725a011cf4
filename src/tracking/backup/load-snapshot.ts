import { DatabaseSync } from 'node:sqlite';
import type { Database, Sql, SqlValue } from '../../db/sql.ts';
import { DERIVED, insertInto, shared, type Table, tablesOf } from './tables.ts';

/** Rows that go over at once. */
const PAGE = 5000;

/** Puts the rows of a tracking file, of the newest schema, into a PostgreSQL database that is empty: all or none. */
export async function loadSnapshot(path: string, database: Database): Promise<void> {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    await database.write(async (sql) => {
      // The experiment that every new database has comes from the snapshot too.
      await sql.run('DELETE FROM experiments');
      for (const all of tablesOf(db)) {
        const known = await sql.all(
          'SELECT attname AS name FROM pg_attribute WHERE attrelid = to_regclass(?) AND attnum > 0 AND NOT attisdropped',
          all.name,
        );
        const table = shared(all, new Set(known.map(({ name }) => String(name))));
        if (table === undefined) continue;
        let page: SqlValue[][] = [];
        for (const row of db.prepare(`SELECT ${table.columns.join(', ')} FROM ${table.name}`).iterate()) {
          page.push(table.columns.map((column) => row[column] as SqlValue));
          if (page.length < PAGE) continue;
          await sql.runMany(insertInto(table), page);
          page = [];
        }
        await sql.runMany(insertInto(table), page);
        await moveSequence(sql, table);
      }
    });
  } finally {
    db.close();
  }
}

/** PostgreSQL gives numbers anew unless it is told which are taken. */
async function moveSequence(sql: Sql, { name, columns }: Table): Promise<void> {
  const [id = ''] = columns;
  const sequence = `pg_get_serial_sequence('${name}', '${id}')`;
  const [row] = await sql.all(`SELECT ${sequence} AS sequence`);
  if (row === undefined || row['sequence'] === null) return;
  await sql.all(`SELECT setval(${sequence}, greatest((SELECT max(${id}) FROM ${name}), 1))`);
}

/** Whether a tracking database holds nothing but what every new one has. */
export async function isEmpty(database: Database, tables: readonly Table[]): Promise<boolean> {
  return database.read(async (sql) => {
    for (const { name } of tables) {
      // What servers that run on it agreed on, and what follows from other tables.
      if (name === 'server_settings' || DERIVED.has(name)) continue;
      const where = name === 'experiments' ? ' WHERE experiment_id <> 0' : '';
      if ((await sql.get(`SELECT 1 AS found FROM ${name}${where} LIMIT 1`)) !== undefined) return false;
    }
    return true;
  });
}
