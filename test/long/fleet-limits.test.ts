import { describe, expect, test } from 'vitest';
import type { RunEvent } from '../../src/core/events.ts';
import { outcomes } from '../rigs/cli-rig.ts';
import { FleetRig } from '../rigs/fleet-rig.ts';
import { FollowedRun } from '../rigs/followed-run.ts';
import { onPostgres } from '../rigs/on-postgres.ts';
import { RedisRig } from '../rigs/redis-rig.ts';

const missing = await RedisRig.missing();
const isStarted = ({ type }: RunEvent): boolean => type === 'step.started';

describe.skipIf(missing !== undefined)('limits of a fleet whose runs share a ledger on PostgreSQL', () => {
  onPostgres((postgres) => {
    test('runs of one task have one lease between them, and another task waits for both', async () => {
      await using fleet = await FleetRig.start();
      await fleet.worker('--concurrency', '3');
      const gate = fleet.gate('go');
      const followed = async (name: string): Promise<FollowedRun> => {
        const rig = await fleet.project({
          'profiles/fleet.yaml': 'executor: fleet\nlimits: { warehouse: 1 }\n',
          'recipe.yaml': `steps:\n  a: { run: [sh, -c, 'read go < ${gate.path} # ${name}'], limits: [warehouse] }\n`,
        });
        rig.env['STOCKPOT_DATABASE_URL'] = postgres().url;
        return new FollowedRun(rig, '-p', 'fleet');
      };
      const first = await followed('same');
      await first.until(isStarted);
      const second = await followed('same');
      await second.until(isStarted);
      const other = await followed('other');
      const waiting = await other.until(({ type }) => type === 'step.waiting');
      expect(waiting).toMatchObject({
        reason: 'limit',
        holder: expect.stringMatching(/^warehouse, which runs \S+, \S+ have$/),
      });
      await gate.open();
      for (const run of [first, second])
        expect(outcomes((await run.end()).events)).toEqual({ a: 'succeeded' });
      await gate.open();
      expect(outcomes((await other.end()).events)).toEqual({ a: 'succeeded' });
    }, 60_000);
  });
});
