import { afterAll, beforeAll } from 'vitest';
import { PostgresDatabase } from '../../src/db/postgres-database.ts';
import type { Migration } from '../../src/db/sqlite.ts';
import type { PostgresRig } from './postgres-rig.ts';

/**
 * Databases on one schema of a server, which each call makes again what it was when its tables were new: to make them
 * anew for each test takes longer than most tests.
 *
 * @param count how many databases; each has connections of its own
 */
export function onEmptiedSchema(
  rig: () => PostgresRig,
  migrations: readonly Migration[],
  count: number,
): () => Promise<readonly PostgresDatabase[]> {
  const databases: PostgresDatabase[] = [];
  let empty: string;
  beforeAll(async () => {
    const schema = rig().newSchema();
    const open = async (): Promise<PostgresDatabase> =>
      PostgresDatabase.open({ url: rig().url, schema, migrations });
    // One after the other: the first makes the tables.
    for (let n = 0; n < count; n += 1) databases.push(await open());
    empty = await emptying(rig(), schema);
  });
  afterAll(async () => {
    for (const database of databases) await database[Symbol.asyncDispose]();
  });
  return async () => {
    await rig().query(empty);
    return databases;
  };
}

/** What makes a schema again what it is now. */
async function emptying(rig: PostgresRig, schema: string): Promise<string> {
  const kept = `${schema}_kept`;
  await rig.query(`CREATE SCHEMA ${kept}`);
  const tables = await rig.query(`SELECT tablename AS name FROM pg_tables WHERE schemaname = '${schema}'`);
  const statements = ['SET session_replication_role = replica'];
  for (const name of tables.rows.map((row) => String(row.name))) {
    const { rowCount } = await rig.query(`SELECT 1 FROM ${schema}.${name} LIMIT 1`);
    statements.push(`DELETE FROM ${schema}.${name}`);
    if (rowCount === 0) continue;
    await rig.query(`CREATE TABLE ${kept}.${name} AS TABLE ${schema}.${name}`);
    statements.push(`INSERT INTO ${schema}.${name} OVERRIDING SYSTEM VALUE SELECT * FROM ${kept}.${name}`);
  }
  const sequences = await rig.query(
    `SELECT sequencename AS name, coalesce(last_value, start_value) AS value, last_value IS NOT NULL AS called
     FROM pg_sequences WHERE schemaname = '${schema}'`,
  );
  for (const { name, value, called } of sequences.rows)
    statements.push(`SELECT setval('${schema}.${String(name)}', ${String(value)}, ${String(called)})`);
  return statements.join('; ');
}
