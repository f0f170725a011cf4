import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { CliRig } from '../rigs/cli-rig.ts';
import { FleetRig } from '../rigs/fleet-rig.ts';
import { RedisRig } from '../rigs/redis-rig.ts';
import { SaidLines } from '../rigs/said-lines.ts';

const missing = await RedisRig.missing();

/** The name of the only schedule of a project. */
async function nameOf(rig: CliRig): Promise<string> {
  const [{ name = '' } = {}] = JSON.parse((await rig.recipe('schedules', 'list', '--json')).out) as {
    name?: string;
  }[];
  return name;
}

/** Its ticks, newest first. */
async function ticksOf(rig: CliRig): Promise<{ state: string; note?: string }[]> {
  const { out } = await rig.recipe('schedules', 'list', await nameOf(rig), '--json');
  return JSON.parse(out) as { state: string }[];
}

describe.skipIf(missing !== undefined)(
  `schedules whose runs go to a fleet${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    test('a tick that finds no Redis waits for it, says so, and succeeds when it is back', async () => {
      await using fleet = await FleetRig.start();
      const rig = await fleet.project({
        'recipe.yaml': `steps: { a: { run: [sh, -c, 'echo a > "$OUT_x"'], outputs: { x: x } } }\n`,
        'profiles/night.yaml':
          'executor: fleet\nschedule: { every: 1s, overlap: skip, pause_on_failure: true }\n',
      });
      await fleet.worker();
      expect(await rig.recipe('schedules', 'apply', '-p', 'night')).toMatchObject({ exit: 0 });
      await fleet.redis.kill();
      const scheduler = rig.start('schedules', 'serve', '--json');
      const lines = new SaidLines(scheduler.stdout);
      const waits = await lines.until({ state: 'waiting' });
      expect(waits['note']).toMatch(/^REDIS_UNREACHABLE: .*ECONNREFUSED/);
      expect((await ticksOf(rig)).find(({ state }) => state === 'running')?.note).toBe(waits['note']);
      await fleet.redis.restart();
      // The same tick: others that fell due meanwhile were left out.
      const { tick } = waits;
      await lines.until({ tick, state: 'succeeded' });
      scheduler.kill('SIGTERM');
      await scheduler;
    });

    test('ticks whose queues Redis loses while they run, and while they wait, have one run each and end right', async () => {
      await using fleet = await FleetRig.start();
      const gate = fleet.gate('gate');
      const log = join(fleet.dir, 'log');
      const rig = await fleet.project({
        'recipe.yaml': `steps:
  a: { run: [sh, -c, 'echo "$1" >> ${log}; cat ${gate.path}; echo a > "$OUT_x"', x, "{{ tick.at }}"], outputs: { x: x } }
  b: { run: [sh, -c, 'cat "$IN_x" > "$OUT_y"'], inputs: { x: a.x }, outputs: { y: y } }
`,
        'profiles/night.yaml': 'executor: fleet\nschedule: { every: 1s, overlap: allow, concurrency: 2 }\n',
      });
      // One runs, the other waits in the queue.
      const worker = await fleet.worker('--concurrency', '1');
      expect(await rig.recipe('schedules', 'apply', '-p', 'night')).toMatchObject({ exit: 0 });
      const scheduler = rig.start('schedules', 'serve', '--json');
      const lines = new SaidLines(scheduler.stdout);
      const ticks = [await lines.until({ state: 'running' }), await lines.until({ state: 'running' })].map(
        ({ tick }) => String(tick),
      );
      // No third begins when one of them has ended.
      await rig.recipe('schedules', 'pause', await nameOf(rig));
      await worker.said('began');
      await fleet.redis.cli('flushall');
      await gate.open();
      await fleet.redis.cli('flushall');
      await gate.open();
      const ended = [await lines.until({ state: 'succeeded' }), await lines.until({ state: 'succeeded' })];
      expect(new Set(ended.map(({ tick }) => tick))).toEqual(new Set(ticks));
      scheduler.kill('SIGTERM');
      await scheduler;
      const begun = readFileSync(log, 'utf8')
        .split('\n')
        .filter((line) => ticks.includes(line.replace('Z', '.000Z')));
      expect(begun).toHaveLength(2);
    });
  },
);
