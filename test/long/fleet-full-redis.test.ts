import { mkdtempSync, rmdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import type { RunEvent } from '../../src/core/events.ts';
import { outcomes } from '../rigs/cli-rig.ts';
import { FleetRig, type Gate } from '../rigs/fleet-rig.ts';
import { FollowedRun } from '../rigs/followed-run.ts';
import { RedisRig } from '../rigs/redis-rig.ts';

const missing = await RedisRig.missing();
const isRoot = process.getuid?.() === 0;

const says =
  (text: string) =>
  (event: RunEvent): boolean =>
    event.type === 'step.output' && event.text.includes(text);

const waits =
  (text: RegExp) =>
  (event: RunEvent): boolean =>
    event.type === 'step.waiting' && text.test(event.holder);

/** One step that has begun when Redis takes nothing more, and one that is to be put into its queue then. */
const recipe = ({ path }: Gate): string => `steps:
  a: { run: [sh, -c, 'echo begun; cat ${path} > "$OUT_x"'], outputs: { x: x } }
  b: { run: [sh, -c, 'echo after; cat "$IN_x" > "$OUT_y"'], inputs: { x: a.x }, outputs: { y: y } }
`;

describe.skipIf(missing !== undefined)(
  `a Redis that takes nothing more${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    test.each([
      [
        'its memory is full',
        ['config', 'set', 'maxmemory', '1'],
        / is full: give it more memory .*OOM command not allowed/,
        ['config', 'set', 'maxmemory', '0'],
      ],
      [
        'it has become a replica',
        ['replicaof', '127.0.0.1', '1'],
        / is a replica, which takes no writes: .*READONLY/,
        ['replicaof', 'no', 'one'],
      ],
    ])('as %s: a run is told so and waits, and what runs goes on', async (_, breaks, reason, mends) => {
      await using fleet = await FleetRig.start();
      const gate = fleet.gate('gate');
      const rig = await fleet.project({ 'recipe.yaml': recipe(gate) });
      await fleet.worker();
      const run = new FollowedRun(rig, '-p', 'fleet');
      await run.until(says('begun'));
      await fleet.redis.cli(...breaks);
      await gate.open();
      await run.until(waits(reason));
      await fleet.redis.cli(...mends);
      const { exit, events } = await run.end();
      expect([exit, outcomes(events)]).toEqual([0, { a: 'succeeded', b: 'succeeded' }]);
      for (const said of ['begun', 'after']) expect(events.filter(says(said)).length).toBe(1);
    });

    test('as its memory is full: a worker that begins, and a run that begins, wait for room', async () => {
      await using fleet = await FleetRig.start();
      const rig = await fleet.project({
        'recipe.yaml': `steps: { a: { run: [sh, -c, 'echo full > "$OUT_x"'], outputs: { x: x } } }\n`,
      });
      await fleet.redis.cli('config', 'set', 'maxmemory', '1');
      await fleet.worker();
      const run = new FollowedRun(rig, '-p', 'fleet');
      await run.until(waits(/ is full: give it more memory .*OOM command not allowed/));
      await fleet.redis.cli('config', 'set', 'maxmemory', '0');
      const { exit, events } = await run.end();
      expect([exit, outcomes(events)]).toEqual([0, { a: 'succeeded' }]);
    });

    test.skipIf(!isRoot)(
      `as its disk is full: the same${isRoot ? '' : ' (only root can mount a small one)'}`,
      async () => {
        await using stack = new AsyncDisposableStack();
        const disk = await smallDisk(stack);
        const fleet = stack.use(await FleetRig.start('--dir', disk, '--appendonly', 'yes'));
        const gate = fleet.gate('gate');
        const rig = await fleet.project({ 'recipe.yaml': recipe(gate) });
        await fleet.worker();
        const run = new FollowedRun(rig, '-p', 'fleet');
        await run.until(says('begun'));
        const filler = join(disk, 'filler');
        const { bavail, bsize } = statfsSync(disk);
        writeFileSync(filler, Buffer.alloc(bavail * bsize));
        await gate.open();
        await run.until(waits(/ cannot write to its disk: make room there.*MISCONF/));
        rmSync(filler);
        const { exit, events } = await run.end();
        expect([exit, outcomes(events)]).toEqual([0, { a: 'succeeded', b: 'succeeded' }]);
        for (const said of ['begun', 'after']) expect(events.filter(says(said)).length).toBe(1);
      },
    );
  },
);

/** A folder on a disk of 8 MB, as long as the stack. */
async function smallDisk(stack: AsyncDisposableStack): Promise<string> {
  const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
  await execa('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', dir]);
  stack.defer(async () => {
    await execa('umount', ['-l', dir]);
    rmdirSync(dir);
  });
  return dir;
}
