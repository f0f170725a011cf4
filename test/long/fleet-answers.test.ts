import { describe, expect, test } from 'vitest';
import { TRIES } from '../../src/store/remote/far-bytes.ts';
import { outcomes } from '../rigs/cli-rig.ts';
import { FleetRig } from '../rigs/fleet-rig.ts';
import { LosingProxy } from '../rigs/losing-proxy.ts';
import { RedisRig } from '../rigs/redis-rig.ts';
import { startServed } from '../rigs/shared-store.ts';

const missing = await RedisRig.missing();

describe.skipIf(missing !== undefined)('a worker that does not hear what the shared cache answers', () => {
  test('has not died: what it could not begin is no task that kills its workers', async () => {
    await using fleet = await FleetRig.on(startServed);
    const { port } = new URL(fleet.store.env['STOCKPOT_REMOTE'] ?? '');
    const losses = ['start-1', 'start-2', 'start-3'].map((name) => [name, TRIES] as const);
    await using proxy = await LosingProxy.start(Number(port), Object.fromEntries(losses));
    const machine = await fleet.machine();
    machine.env['STOCKPOT_REMOTE'] = proxy.url;
    await fleet.workerIn(machine);
    const rig = await fleet.project({
      'recipe.yaml': `steps:\n  a: { run: 'echo x > "$OUT_x"', outputs: { x: x } }\n`,
    });
    expect(outcomes(await rig.events('-p', 'fleet'))).toEqual({ a: 'succeeded' });
  });
});
