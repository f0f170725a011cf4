import { spawn } from 'node:child_process';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeAll, describe, expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';
import { PostgresRig } from '../rigs/postgres-rig.ts';
import { ServerProcess } from '../rigs/server-process.ts';

const SCRIPT = join(import.meta.dirname, 'mlflow-client.py');

const CLIENTS = [
  ['MLflow 2.22', process.env['STOCKPOT_TEST_PYTHON']],
  ['MLflow 3', process.env['STOCKPOT_TEST_PYTHON_MLFLOW3']],
] as const;

/** What each call of the real client gave, against the server at `url`. */
async function calls(python: string, url: string, cwd: string): Promise<Record<string, unknown>> {
  const { stdout } = await execa(python, [SCRIPT], {
    cwd,
    env: { MLFLOW_TRACKING_URI: url, MLFLOW_HTTP_REQUEST_MAX_RETRIES: '2' },
  });
  return JSON.parse(stdout.slice(stdout.indexOf('{"set_experiment"'))) as Record<string, unknown>;
}

/** MLflow's own server, on an empty SQLite database; ready when its health check says so. */
async function realServer(python: string, cwd: string): Promise<AsyncDisposable & { readonly url: string }> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const store = ['--backend-store-uri', 'sqlite:///mlflow.db', '--serve-artifacts'];
  const args = [
    '-m',
    'mlflow',
    'server',
    '--host',
    '127.0.0.1',
    '--port',
    String(port),
    '--workers',
    '1',
    ...store,
  ];
  const server = spawn(python, args, { cwd, detached: true, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  const booted = new Promise<void>((resolve) =>
    server.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
      // The first is gunicorn's, the second uvicorn's.
      if (/Booting worker|startup complete/.test(said)) resolve();
    }),
  );
  const ended = new Promise((resolve) => server.once('exit', resolve));
  const end = async (): Promise<void> => {
    // It starts processes of its own, which are in its group.
    if (server.pid !== undefined && server.exitCode === null) process.kill(-server.pid, 'SIGKILL');
    await ended;
  };
  await Promise.race([booted, ended]);
  for (;;) {
    const isReady = await fetch(`${url}/health`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isReady) return { url, [Symbol.asyncDispose]: end };
    if (server.exitCode !== null) throw new Error(`mlflow server ended: ${said}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => probe.once('listening', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

const noPostgres = await PostgresRig.missing();

describe.each(CLIENTS)('the client of %s', (_, found = '') => {
  const wanted = new Map<string, Record<string, unknown>>();

  beforeAll(async () => {
    if (found === '') return;
    await using rig = await CliRig.create();
    await using server = await realServer(found, rig.dir);
    wanted.set('calls', await calls(found, server.url, rig.dir));
  }, 180_000);

  test.skipIf(found === '')(
    'gets from this server what it gets from MLflow’s, call by call',
    async () => {
      await using rig = await CliRig.create();
      await using server = await ServerProcess.start(rig);
      const got = await calls(found, server.url, rig.dir);
      expect(Object.keys(got).length).toBeGreaterThan(75);
      expect(got).toEqual(wanted.get('calls'));
    },
    180_000,
  );

  test.skipIf(found === '' || noPostgres !== undefined)(
    `and on PostgreSQL${noPostgres === undefined ? '' : ` (${noPostgres})`}`,
    async () => {
      await using postgres = await PostgresRig.start();
      await using rig = await CliRig.create();
      await using server = await ServerProcess.start(rig, '--database', postgres.url);
      expect(await calls(found, server.url, rig.dir)).toEqual(wanted.get('calls'));
    },
    180_000,
  );
});
