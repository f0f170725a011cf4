import { request } from 'node:http';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import type { RunEvent } from '../../src/core/events.ts';
import { CliRig } from '../rigs/cli-rig.ts';
import { ServerProcess } from '../rigs/server-process.ts';

test('a server that is told to end answers what is under way, and lets go of who follows a run', async () => {
  await using rig = await CliRig.create({
    'recipe.yaml': `steps:
  a: { run: "until test -e go; do sleep 0.05; done", isolation: project }
`,
  });
  await using server = await ServerProcess.start(rig);
  const running = rig.start('run', '--json');
  let id = '';
  for await (const line of createInterface({ input: running.stdout })) {
    const event = JSON.parse(line) as RunEvent;
    if (event.type === 'run.started') id = event.run;
    if (event.type === 'step.started') break;
  }
  const url = `${server.url}/api/2.0/stockpot/runs/${id}/events`;
  const events = (await fetch(url)).body?.getReader();
  expect((await events?.read())?.done).toBe(false);
  const answered = Promise.withResolvers<number | undefined>();
  const upload = request(`${server.url}/api/2.0/mlflow-artifacts/artifacts/0/r/artifacts/f`, {
    method: 'PUT',
    headers: { 'content-length': 8 },
  });
  upload.on('response', (response) => answered.resolve(response.resume().statusCode));
  upload.on('error', answered.reject);
  await new Promise((resolve) => upload.write('half', resolve));
  // The server has the upload: it answers requests of one process in their order.
  expect((await fetch(`${server.url}/health`)).status).toBe(200);

  const ended = server.end('SIGTERM');
  while ((await events?.read())?.done === false);
  upload.end('half');
  expect(await answered.promise).toBe(200);
  expect(await ended).toMatchObject({ exit: 0, err: '' });
  await rig.write('go', '');
  await running;
});
