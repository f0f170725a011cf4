import { describe, expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';
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
