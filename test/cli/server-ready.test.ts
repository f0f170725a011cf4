import { expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';
import { onPostgres } from '../rigs/on-postgres.ts';
import { ServerProcess } from '../rigs/server-process.ts';

onPostgres((postgres) => {
  test('a server is ready while its database is there, and alive without it', async () => {
    await using rig = await CliRig.create();
    await using server = await ServerProcess.start(rig, '--database', postgres().url);
    const asked = async (): Promise<readonly [ready: number, health: number]> => [
      (await fetch(`${server.url}/ready`)).status,
      (await fetch(`${server.url}/health`)).status,
    ];
    expect(await asked()).toEqual([200, 200]);
    await postgres().kill();
    expect(await asked()).toEqual([503, 200]);
    expect(await (await fetch(`${server.url}/ready`)).json()).toMatchObject({
      error_code: 'TEMPORARILY_UNAVAILABLE',
    });
    await postgres().restart();
    expect(await asked()).toEqual([200, 200]);
    expect(await server.end('SIGTERM')).toMatchObject({ exit: 0, err: '' });
  });
});
