import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';
import type { Begun, Sent } from '../rigs/multipart.ts';
import { PostgresRig } from '../rigs/postgres-rig.ts';
import { ServerProcess } from '../rigs/server-process.ts';

const missing = await PostgresRig.missing();

describe.skipIf(missing !== undefined)(
  `recipe server --database${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    test('keeps what clients write in PostgreSQL, beyond its own end', async () => {
      await using postgres = await PostgresRig.start();
      await using rig = await CliRig.create();
      const written = async (): Promise<unknown> => {
        await using server = await ServerProcess.start(rig, '--database', postgres.url);
        const { run } = await server.api('runs/create', { experiment_id: '0', run_name: 'kept' });
        return (run as { info: unknown }).info;
      };
      const info = await written();
      // MLflow's spelling of the address.
      const url = postgres.url.replace('postgres:', 'postgresql+psycopg2:');
      await using server = await ServerProcess.start(rig, '--database', url);
      const { runs } = await server.api('runs/search', { experiment_ids: ['0'] });
      expect(runs).toMatchObject([{ info }]);
    });

    test('shares with another server a file that comes in parts', async () => {
      await using postgres = await PostgresRig.start();
      await using one = await CliRig.create();
      await using two = await CliRig.create();
      const shared = ['--database', postgres.url, '--cache', join(one.dir, 'files')];
      await using first = await ServerProcess.start(one, ...shared);
      await using second = await ServerProcess.start(two, ...shared);
      const mpu = async (server: ServerProcess, call: string, body: object): Promise<object> => {
        const response = await fetch(`${server.url}/api/2.0/mlflow-artifacts/mpu/${call}/0/r/artifacts`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ path: 'f', ...body }),
        });
        return { status: response.status, ...((await response.json()) as object) };
      };
      const { upload_id, credentials } = (await mpu(first, 'create', { num_parts: 2 })) as Begun;
      const parts: Sent[] = [];
      for (const [index, { url, part_number, headers }] of credentials.entries()) {
        const at = index === 0 ? url : url.replace(first.url, second.url);
        const { headers: got } = await fetch(at, { method: 'PUT', headers, body: `part ${part_number};` });
        parts.push({ part_number, etag: got.get('etag') ?? '' });
      }
      const ended = await Promise.all(
        [first, second].map((one) => mpu(one, 'complete', { upload_id, parts })),
      );
      expect(ended).toEqual([{ status: 200 }, { status: 200 }]);
      for (const server of [first, second]) {
        const file = await fetch(`${server.url}/api/2.0/mlflow-artifacts/artifacts/0/r/artifacts/f`);
        expect(await file.text()).toBe('part 1;part 2;');
      }
    });

    test('that is out of reach is said, without its password', async () => {
      await using rig = await CliRig.create();
      const { exit, err } = await rig.recipe(
        'server',
        '--port',
        '0',
        '--database',
        'postgres://ann:canary@127.0.0.1:1/x',
      );
      expect([exit, err.includes('DATABASE_UNREACHABLE'), err.includes('canary')]).toEqual([69, true, false]);
      const wrong = await rig.recipe('server', '--port', '0', '--database', 'mysql://x');
      expect([wrong.exit, wrong.err.split('\n')[0]]).toEqual([
        2,
        'error: --database is no address that begins with postgres:// or sqlite: [USAGE]',
      ]);
    });
  },
);
