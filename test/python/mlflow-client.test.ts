import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeAll, describe, expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';
import { realServer } from '../rigs/mlflow-server.ts';
import { PostgresRig } from '../rigs/postgres-rig.ts';
import { ServerProcess } from '../rigs/server-process.ts';

const SCRIPT = join(import.meta.dirname, 'mlflow-client.py');

const CLIENTS = [
  ['MLflow 2.22', process.env['STOCKPOT_TEST_PYTHON']],
  ['MLflow 3', process.env['STOCKPOT_TEST_PYTHON_MLFLOW3']],
] as const;

/** What the calls of the real client gave, by their names. */
type Results = Readonly<Record<string, unknown>>;

async function calls(python: string, url: string, cwd: string): Promise<Results> {
  const out = join(cwd, 'calls.json');
  await execa(python, [SCRIPT, out], {
    cwd,
    env: {
      MLFLOW_TRACKING_URI: url,
      MLFLOW_HTTP_REQUEST_MAX_RETRIES: '2',
      PYTHONDONTWRITEBYTECODE: '1',
    },
  });
  return JSON.parse(await readFile(out, 'utf8')) as Results;
}

/**
 * Two models were logged at one path of a run. MLflow 2.22 gives for the version of the first what was written last; a
 * version here is what was registered.
 */
const AS_REGISTERED: Results = Object.fromEntries(
  ['load 1', 'load alias', 'load address', 'load stage False'].map((name) => [name, [0, 0, 1, 1]]),
);

const noPostgres = await PostgresRig.missing();

describe.each(CLIENTS)('the client of %s', (_, found = '') => {
  let wanted: Results;
  let got: Results;

  beforeAll(async () => {
    if (found === '') return;
    await using rig = await CliRig.create();
    await using real = await realServer(found, rig.dir);
    await using other = await CliRig.create();
    await using server = await ServerProcess.start(other);
    [wanted, got] = await Promise.all([calls(found, real.url, rig.dir), calls(found, server.url, other.dir)]);
  }, 480_000);

  test.skipIf(found === '')('gets from this server what it gets from MLflow’s, call by call', () => {
    expect(Object.keys(got).length).toBeGreaterThan(85);
    expect(got).toEqual({ ...wanted, ...AS_REGISTERED });
    expect(got['not called']).toEqual([]);
  });

  test.skipIf(found === '' || noPostgres !== undefined)(
    `and on PostgreSQL${noPostgres === undefined ? '' : ` (${noPostgres})`}`,
    async () => {
      await using postgres = await PostgresRig.start();
      await using rig = await CliRig.create();
      await using server = await ServerProcess.start(rig, '--database', postgres.url);
      expect(await calls(found, server.url, rig.dir)).toEqual({ ...wanted, ...AS_REGISTERED });
    },
    480_000,
  );
});
