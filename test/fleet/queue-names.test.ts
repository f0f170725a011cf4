import { describe, expect, test } from 'vitest';
import { FleetRig } from '../rigs/fleet-rig.ts';
import { RedisRig } from '../rigs/redis-rig.ts';

const missing = await RedisRig.missing();

/** What keys of the fleet are called itself, behind its prefix. */
const NAMES = ['run', 'live', 'waiters', 'here', 'wake', 'workers', 'waits', 'queues', 'cancelled'];

describe.skipIf(missing !== undefined)('queues of a fleet', () => {
  test('may be called as its own keys are', async () => {
    await using fleet = await FleetRig.start();
    const steps = NAMES.map((name) => `  s_${name}: { run: [echo, ${name}], queue: ${name} }\n`);
    const rig = await fleet.project({
      'recipe.yaml': `steps:\n${steps.join('')}`,
      'profiles/fleet.yaml': 'executor: fleet\nqueue_timeout: 20s\n',
    });
    await fleet.worker(...NAMES.flatMap((name) => ['--queue', name]));
    expect(await rig.run('-p', 'fleet')).toEqual(
      Object.fromEntries(NAMES.map((name) => [`s_${name}`, 'succeeded'])),
    );
  }, 60_000);
});
