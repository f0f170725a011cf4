import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RunEvent } from '../../src/core/events.ts';
import { type CliRig, outcomes } from '../rigs/cli-rig.ts';
import { FleetRig, type WorkerProcess } from '../rigs/fleet-rig.ts';
import { FollowedRun } from '../rigs/followed-run.ts';
import { JumpingClock } from '../rigs/jumping-clock.ts';
import { RedisRig } from '../rigs/redis-rig.ts';

const missing = await RedisRig.missing();

const HOUR_MS = 3_600_000;

const waitsFor =
  (text: string) =>
  (event: RunEvent): boolean =>
    event.type === 'step.waiting' && event.holder.includes(text);

describe.skipIf(missing !== undefined)('a worker whose clock jumps an hour while it is up', () => {
  let fleet: FleetRig;
  let clock: JumpingClock;
  let jumping: WorkerProcess;
  beforeEach(async () => {
    fleet = await FleetRig.start();
    const machine: CliRig = await fleet.machine();
    clock = new JumpingClock(join(machine.dir, 'clock'));
    machine.env['NODE_OPTIONS'] = clock.option;
    jumping = await fleet.workerIn(machine);
  });
  afterEach(async () => fleet[Symbol.asyncDispose]());

  test('puts back what it cannot run so that another takes it when its time has come', async () => {
    const rig = await fleet.project({
      'recipe.yaml': `steps: { a: { run: ["true"], env: { KEY: { secret: KEY } } } }\n`,
    });
    const run = new FollowedRun(rig, '-p', 'fleet');
    await run.until(waitsFor('the secret KEY'));
    clock.jump(HOUR_MS);
    expect(await jumping.said('clock')).toMatchObject({ isRight: false });
    await jumping.end('SIGTERM');
    const other = await fleet.machine();
    other.env['STOCKPOT_SECRET_KEY'] = 'open-sesame';
    await fleet.workerIn(other);
    expect(outcomes((await run.end()).events)).toEqual({ a: 'succeeded' });
  });

  test.each([HOUR_MS, -HOUR_MS])('takes nothing until it is set right, after %i ms', async (by) => {
    clock.jump(by);
    expect(await jumping.said('clock')).toMatchObject({ isRight: false });
    const rig = await fleet.project({ 'recipe.yaml': `steps: { a: { run: ["true"] } }\n` });
    const run = new FollowedRun(rig, '-p', 'fleet');
    await run.until(waitsFor('a worker of the queue default'));
    expect((await rig.recipe('workers', '-p', 'fleet')).out).toMatch(/ its clock is off /);
    clock.jump(0);
    expect(await jumping.said('clock')).toMatchObject({ isRight: true });
    expect(outcomes((await run.end()).events)).toEqual({ a: 'succeeded' });
  });
});
