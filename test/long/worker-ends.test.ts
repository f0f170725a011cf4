import { describe, expect, test } from 'vitest';
import type { RunEvent } from '../../src/core/events.ts';
import { outcomes } from '../rigs/cli-rig.ts';
import { FleetRig } from '../rigs/fleet-rig.ts';
import { FollowedRun } from '../rigs/followed-run.ts';
import { RedisRig } from '../rigs/redis-rig.ts';

const missing = await RedisRig.missing();

const waits = (event: RunEvent): boolean => event.type === 'step.waiting';
const begun = (event: RunEvent): boolean => event.type === 'step.output' && event.text.includes('begun');

describe.skipIf(missing !== undefined)('a worker told to end while Redis is away', () => {
  test('ends at once when it runs nothing', async () => {
    await using fleet = await FleetRig.start();
    const worker = await fleet.worker();
    await fleet.redis.kill();
    await worker.said('redis');
    expect(await worker.end('SIGTERM')).toMatchObject({ exit: 0 });
  });

  test('ends when what it runs has ended, and what that gave is not made again', async () => {
    await using fleet = await FleetRig.start();
    const gate = fleet.gate('gate');
    const rig = await fleet.project({
      'recipe.yaml': `steps: { a: { run: [sh, -c, 'echo begun; cat ${gate.path} > "$OUT_x"'], outputs: { x: x } } }\n`,
    });
    const worker = await fleet.worker();
    const run = new FollowedRun(rig, '-p', 'fleet');
    await run.until(begun);
    await fleet.redis.kill();
    await worker.said('redis');
    const ending = worker.end('SIGTERM');
    await worker.said('draining');
    await gate.open();
    expect(await ending).toMatchObject({ exit: 0 });
    await fleet.redis.restart();
    await fleet.worker();
    const { events } = await run.end();
    expect(outcomes(events)).toEqual({ a: 'succeeded' });
    expect(events.filter(begun).length).toBe(1);
  });

  test('ends when its time to drain is over, and what it ran is begun again elsewhere', async () => {
    await using fleet = await FleetRig.start();
    const gate = fleet.gate('gate');
    const rig = await fleet.project({
      'recipe.yaml': `steps: { a: { run: [sh, -c, 'echo begun; cat ${gate.path} > "$OUT_x"'], outputs: { x: x } } }\n`,
    });
    const worker = await fleet.worker('--drain', '1ms');
    const run = new FollowedRun(rig, '-p', 'fleet');
    await run.until(begun);
    await fleet.redis.kill();
    await worker.said('redis');
    expect(await worker.end('SIGTERM')).toMatchObject({ exit: 0 });
    await fleet.redis.restart();
    await fleet.worker();
    await run.until(begun);
    await gate.open();
    expect(outcomes((await run.end()).events)).toEqual({ a: 'succeeded' });
  });
});

describe.skipIf(missing !== undefined)('a run told to end while Redis is away', () => {
  test('ends at once, by itself', async () => {
    await using fleet = await FleetRig.start();
    const rig = await fleet.project({ 'recipe.yaml': 'steps: { a: { run: "true" } }\n' });
    const run = new FollowedRun(rig, '-p', 'fleet');
    await run.until(waits);
    await fleet.redis.kill();
    // Now for Redis.
    await run.until(waits);
    run.kill('SIGINT');
    const { exit, events } = await run.end();
    expect(exit).toBe(130);
    expect(outcomes(events)).toEqual({ a: 'cancelled' });
  });
});
