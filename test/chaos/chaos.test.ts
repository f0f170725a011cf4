import { describe, expect, test } from 'vitest';
import { RedisRig } from '../rigs/redis-rig.ts';
import { atFailpoint, DISTURBANCES, type Disturbance } from './disturbances.ts';
import type { Trial } from './findings.ts';
import { FleetArena } from './fleet-arena.ts';
import { FLEET_FAULTS } from './fleet-faults.ts';
import { LONGEST } from './fleet-recipe.ts';
import { fleetTrial } from './fleet-trial.ts';
import { Random } from './random.ts';
import { trial } from './trial.ts';

const missing = await RedisRig.missing();

/** What really went wrong, and what did not hold afterwards. */
const found = ({ faults, violations }: Trial): unknown => ({ faults: faults.toSorted(), violations });

// A fleet mostly waits for locks to lapse: meanwhile the other disturbs one machine.
describe.concurrent('a short part of what `npm run chaos` does breaks no promise', () => {
  test('on one machine: a run is killed at some moment and at a failpoint, and stands still beside another', async () => {
    const { killed, stopped } = DISTURBANCES as Record<string, Disturbance>;
    const disturbances = [killed, killedAtResult, stopped].filter((one) => one !== undefined);
    // Of this seed nothing comes later than a third of a second, when no run has ended.
    const done = await trial(disturbances, new Random(60), { canMount: false }, COURSE);
    expect(found(done)).toEqual({
      faults: [
        'a run is killed at a failpoint',
        'a run is killed at some moment',
        'a run stands still beside another',
      ],
      violations: [],
    });
  });

  test.skipIf(missing !== undefined)(
    `on a fleet: its only worker, the run and Redis are killed while a step runs${missing === undefined ? '' : ` (${missing})`}`,
    async () => {
      const names = [
        'Redis is killed and comes back empty',
        'a worker is killed',
        'the run is killed and begun anew',
      ];
      const faults = FLEET_FAULTS.filter(({ name }) => names.includes(name));
      await using arena = await FleetArena.start();
      // Of this seed the faults begin 0.7, 0.9 and 1.2 s after the longest step.
      const seed = 772;
      const course = { faults, workers: 1, longest: 2, moves: true, isUnderway: true };
      const done = await fleetTrial({ seed, random: new Random(seed), arena, course });
      expect(found(done)).toEqual({ faults: names, violations: [] });
      // It was lost with its worker.
      expect(arena.executedOnFleet.filter(({ step }) => step === LONGEST).length).toBeGreaterThan(1);
    },
  );
});

const COURSE = { registers: true, runsFirst: false, changes: () => true };

const killedAtResult: Disturbance = (rig) => atFailpoint(rig, 'result.before-link', 'kill', 1);
