import { expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';
import { ServerProcess } from '../rigs/server-process.ts';

test('recipe server --log-level info says on standard error what it answered, and nothing of what was asked', async () => {
  await using rig = await CliRig.create();
  await using server = await ServerProcess.start(rig, '--log-level', 'info');
  const headers = { authorization: 'Bearer canary' };
  await fetch(`${server.url}/api/2.0/mlflow/experiments/get?experiment_id=0&token=canary`, { headers });
  await fetch(`${server.url}/health`);
  const { err } = await server.end('SIGTERM');
  const lines = err.split('\n').filter((line) => line !== '');
  expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
    { level: 'info', msg: 'request', method: 'GET', route: '/api/2.0/mlflow/experiments/get', status: 200 },
  ]);
  expect(err).not.toContain('canary');
});

test('without it the server is silent', async () => {
  await using rig = await CliRig.create();
  await using server = await ServerProcess.start(rig);
  await fetch(`${server.url}/openapi.json`);
  expect((await server.end('SIGTERM')).err).toBe('');
});

test('a level that is none is refused', async () => {
  await using rig = await CliRig.create();
  const { exit, err } = await rig.recipe('server', '--log-level', 'loud');
  expect([exit, err]).toEqual([2, expect.stringContaining('--log-level')]);
});
