import { expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';
import { inProcess } from '../rigs/in-process.ts';
import { Receiver } from '../rigs/receiver.ts';
import { ServerProcess } from '../rigs/server-process.ts';

/** Schedules, or the ticks of one. */
async function listed(rig: CliRig, ...names: string[]): Promise<{ name?: string; state?: string }[]> {
  const { out } = await inProcess(rig.dir, 'schedules', 'list', ...names, '--json');
  return JSON.parse(out) as { name?: string; state?: string }[];
}

test('a server runs the schedules of its folder, counts their ticks, and closes what it ran at SIGTERM', async () => {
  await using receiver = await Receiver.start();
  // Fails once, and from then on is at it until it is stopped.
  await using rig = await CliRig.create({
    'recipe.yaml': `steps:
  a: { run: 'if [ -e "$MARK" ]; then sleep 600; else touch "$MARK"; exit 3; fi', env: { MARK: "{{ MARK }}" } }
`,
  });
  await rig.write(
    'profiles/local.yaml',
    `MARK: ${rig.dir}/mark\nschedule: { every: 1s }\nnotify: { webhook: { url: "${receiver.url}" } }\n`,
  );
  expect((await rig.recipe('schedules', 'apply')).exit).toBe(0);
  await using server = await ServerProcess.start(rig, '--schedules');
  await receiver.received(1);
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  expect(metrics).toContain('stockpot_schedule_ticks_total{outcome="failed"} 1');
  const states = async (): Promise<string[]> => {
    const [{ name = '' } = {}] = await listed(rig);
    return (await listed(rig, name)).flatMap(({ state }) => (state === undefined ? [] : [state]));
  };
  while (!(await states()).includes('running'));
  const { exit, err } = await server.end('SIGTERM');
  expect([exit, err]).toEqual([0, expect.stringContaining('"state":"failed"')]);
  // Nothing waits for a lease to lapse.
  const ended = await states();
  expect(ended).toContain('interrupted');
  expect(ended).not.toContain('running');
}, 60_000);

test('a server with --schedules wants a project', async () => {
  await using rig = await CliRig.create();
  expect(await inProcess(rig.dir, 'server', '--schedules', '--port', '0')).toMatchObject({
    exit: 2,
    err: expect.stringContaining('RECIPE_NOT_FOUND') as string,
  });
});

test('a server without it runs none, and counts none', async () => {
  await using rig = await CliRig.create({
    'recipe.yaml': 'steps:\n  a: { run: ["true"] }\n',
  });
  await using server = await ServerProcess.start(rig);
  expect(await (await fetch(`${server.url}/metrics`)).text()).not.toContain('stockpot_schedule_ticks_total');
});
