import { describe, expect, test } from 'vitest';
import { FleetArena } from '../chaos/fleet-arena.ts';
import { differences, givenBy } from '../chaos/fleet-oracle.ts';
import { eventsOf } from '../rigs/cli-rig.ts';
import { Network } from '../rigs/network.ts';
import { RedisRig } from '../rigs/redis-rig.ts';

const missing = (await RedisRig.missing()) ?? (await Network.missing());

describe.skipIf(missing !== undefined)(
  `a network that is cut${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    test('under a worker: it says so, another does the rest, and the run gives what one machine gives', async () => {
      await using arena = await FleetArena.start();
      await arena.change({ n: 1, longest: 1 });
      await arena.staff(2);
      const [cut] = arena.workers;
      const run = arena.begin(arena.there);
      await cut?.process.said('began');
      await cut?.network?.cut();
      const { isLate, outcome } = await run.endWithin(60_000);
      expect([isLate, outcome.exit]).toEqual([false, 0]);
      expect(differences(givenBy(eventsOf(outcome.out)), givenBy(await arena.alone.events()))).toEqual([]);
      expect(await cut?.process.said('redis')).toMatchObject({ isThere: false });
      await cut?.network?.mend();
      expect(await cut?.process.said('redis')).toMatchObject({ isThere: true });
    });

    test('under a run: its steps go on meanwhile, and are executed once', async () => {
      await using arena = await FleetArena.start();
      await arena.change({ n: 1, longest: 1 });
      await arena.staff(2);
      const run = arena.begin(arena.here);
      await arena.workers[1]?.process.said('began');
      await arena.networks?.driver.cut();
      await arena.workers[1]?.process.said('ended');
      await arena.networks?.driver.mend();
      const { isLate, outcome } = await run.endWithin(60_000);
      expect([isLate, outcome.exit]).toEqual([false, 0]);
      const steps = arena.executions.map(({ step }) => step);
      expect(steps.toSorted()).toEqual([...new Set(steps)].toSorted());
    });
  },
);
