import { Client } from 'pg';
import { expect, test } from 'vitest';
import { PostgresDatabase } from '../../src/db/postgres-database.ts';
import { GatheredPoints } from '../../src/tracking/mlflow/gathered-points.ts';
import { POSTGRES_TRACKING_MIGRATIONS } from '../../src/tracking/postgres/schema.ts';
import { expected, found } from '../conformance/kept-points.ts';
import { newRun } from '../conformance/mlflow-store.ts';
import { onPostgres } from '../rigs/on-postgres.ts';

onPostgres((rig) => {
  test('a run that another server holds keeps only its own points waiting', async () => {
    const { url } = rig();
    const schema = rig().newSchema();
    await using database = await PostgresDatabase.open({
      url,
      schema,
      migrations: POSTGRES_TRACKING_MIGRATIONS,
    });
    for (const run of ['free', 'held', 'quick']) await newRun(database, run);
    const other = new Client({ connectionString: url });
    await other.connect();
    await other.query('BEGIN');
    await other.query(`SELECT 1 FROM ${schema}.runs WHERE run_uuid = 'held' FOR UPDATE`);
    const gathered = new GatheredPoints(database);
    const given = Array.from({ length: 4 }, (_, step) => ({ key: 'a', value: step, timestamp: 0, step }));
    let isHeld = true;
    const waiting: Promise<void>[] = [];
    const logHeld = async (step: number): Promise<void> => {
      await gathered.log('held', { key: 'a', value: step, timestamp: 0, step });
      expect(isHeld).toBe(false);
    };
    for (const one of given) {
      // Those of one turn are one batch, or would be.
      waiting.push(logHeld(one.step));
      await Promise.all([gathered.log('free', one), gathered.log('quick', one)]);
    }
    isHeld = false;
    await other.query('ROLLBACK');
    await Promise.all(waiting);
    await other.end();
    for (const run of ['free', 'held', 'quick'])
      expect(await found(database, run, given)).toEqual(expected(given));
  });
});
