import { describe, expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';
import { PostgresRig } from '../rigs/postgres-rig.ts';
import { Receiver } from '../rigs/receiver.ts';
import { RegistryRig } from '../rigs/registry-rig.ts';
import { ServerProcess } from '../rigs/server-process.ts';
import { isSigned } from '../rigs/webhook-rig.ts';

const ALLOW = ['--webhook-allow', '127.0.0.1'];

/** Id of a new webhook that is told of models, versions and aliases. */
async function hook(server: ServerProcess, url: string): Promise<string> {
  const events = ['REGISTERED_MODEL', 'MODEL_VERSION', 'MODEL_VERSION_ALIAS'].map((entity) => ({
    entity,
    action: 'CREATED',
  }));
  const { webhook } = await server.api('webhooks', { name: 'hook', url, events, secret: 's' });
  return (webhook as { webhook_id: string }).webhook_id;
}

/** Entities and names of what was told, in no order. */
function told(got: Receiver['got']): string[] {
  return got
    .map(({ body }) => JSON.parse(body) as { entity: string; data: { name: string } })
    .map(({ entity, data }) => `${entity} ${data.name}`)
    .toSorted((a, b) => a.localeCompare(b));
}

describe('recipe server tells webhooks', () => {
  test('what a recipe registered, in another process', async () => {
    await using rig = await RegistryRig.create(', alias: champion');
    await using receiver = await Receiver.start();
    await using server = await ServerProcess.start(rig.cli, ...ALLOW);
    await hook(server, receiver.url);
    await rig.train(1);
    const got = await receiver.received(3);
    expect(told([...got])).toEqual(['model_version m', 'model_version_alias m', 'registered_model m']);
    expect(got.map((one) => isSigned(one, 's'))).toEqual([true, true, true]);
  });

  test('what it did not come to before a kill -9, when it is back', async () => {
    await using rig = await CliRig.create();
    let port: number;
    {
      await using gone = await Receiver.start();
      port = gone.port;
    }
    {
      await using server = await ServerProcess.start(rig, ...ALLOW);
      const id = await hook(server, `http://127.0.0.1:${port}/hook`);
      await server.api('registered-models/create', { name: 'm' });
      for (;;) {
        const response = await fetch(`${server.url}/api/2.0/stockpot/webhooks/${id}/deliveries`);
        const { deliveries } = (await response.json()) as { deliveries: { problem?: string }[] };
        if (deliveries[0]?.problem !== undefined) break;
      }
      await server.end('SIGKILL');
    }
    await using receiver = await Receiver.start(undefined, port);
    await using _server = await ServerProcess.start(rig, ...ALLOW);
    expect(told([...(await receiver.received(1))])).toEqual(['registered_model m']);
  });

  test('at no host of this machine that the operator did not allow', async () => {
    await using rig = await CliRig.create();
    await using server = await ServerProcess.start(rig);
    await expect(hook(server, 'http://127.0.0.1:1/')).rejects.toThrow('Allowed schemes are: https.');
    const { exit, err } = await rig.recipe('server', '--port', '0', '--webhook-allow', 'http://a/');
    expect([exit, err.split('\n')[0]]).toEqual([
      2,
      'error: --webhook-allow http://a/ is no HOST or HOST:PORT [USAGE]',
    ]);
  });
});

const missing = await PostgresRig.missing();
describe.skipIf(missing !== undefined)(
  `several servers on PostgreSQL${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    test('tell each thing once while none of them dies', async () => {
      await using postgres = await PostgresRig.start();
      await using rig = await CliRig.create();
      await using receiver = await Receiver.start();
      const start = (): Promise<ServerProcess> =>
        ServerProcess.start(rig, '--database', postgres.url, ...ALLOW);
      await using first = await start();
      await using second = await start();
      await hook(first, receiver.url);
      const names = Array.from({ length: 20 }, (_, n) => `m${String(n).padStart(2, '0')}`);
      await Promise.all(
        names.map((name, n) => (n % 2 === 0 ? first : second).api('registered-models/create', { name })),
      );
      await receiver.received(20);
      // What would be told twice is still there to be claimed.
      for (;;) {
        const { rows } = await postgres.query('SELECT count(*) AS n FROM tracking.webhook_deliveries');
        if (rows[0].n === '0') break;
      }
      expect(told(receiver.got)).toEqual(names.map((name) => `registered_model ${name}`));
      expect(new Set(receiver.got.map(({ headers }) => headers['x-mlflow-delivery-id'])).size).toBe(20);
    });
  },
);
