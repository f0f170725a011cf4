import { describe, expect, test } from 'vitest';
import type { CliRig } from '../rigs/cli-rig.ts';
import { FleetRig } from '../rigs/fleet-rig.ts';
import { RedisRig } from '../rigs/redis-rig.ts';
import { SaidLines } from '../rigs/said-lines.ts';

const missing = await RedisRig.missing();

/** The ticks of the only schedule of a project, newest first. */
async function ticksOf(rig: CliRig): Promise<{ state: string; note?: string; run?: string }[]> {
  const [{ name = '' } = {}] = JSON.parse((await rig.recipe('schedules', 'list', '--json')).out) as {
    name?: string;
  }[];
  return JSON.parse((await rig.recipe('schedules', 'list', name, '--json')).out) as { state: string }[];
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
  },
);
