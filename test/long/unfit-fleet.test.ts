import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import type { RunEvent } from '../../src/core/events.ts';
import { CliRig, outcomes } from '../rigs/cli-rig.ts';
import { FleetRig } from '../rigs/fleet-rig.ts';
import { FollowedRun } from '../rigs/followed-run.ts';
import { OldRedis } from '../rigs/old-redis.ts';
import { RedisRig } from '../rigs/redis-rig.ts';
import { S3Server } from '../rigs/s3-server.ts';
import { environmentOf } from '../rigs/shared-store.ts';

const missing = await RedisRig.missing();
const isRoot = process.getuid?.() === 0;

const ROOT = join(import.meta.dirname, '../..');
const HOUR_MS = 3_600_000;

/** What makes a process read a clock that is so far off. */
const clockOff = (ms: number): string =>
  `--import=data:text/javascript,${encodeURIComponent(`const now = Date.now; Date.now = () => now() + ${ms};`)}`;

const one = (name: string): string =>
  `steps: { a: { run: [sh, -c, 'echo ${name} > "$OUT_x"'], outputs: { x: x } } }\n`;

const waits =
  (text: string) =>
  (event: RunEvent): boolean =>
    event.type === 'step.waiting' && event.holder.includes(text);

/** A copy of the program that says it is of another version; gives its `bin`. */
function otherVersion(dir: string): string {
  mkdirSync(dir);
  execFileSync('cp', ['-a', ...['bin', 'src', 'steps', 'recipes'].map((name) => join(ROOT, name)), dir]);
  symlinkSync(join(ROOT, 'node_modules'), join(dir, 'node_modules'));
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as object;
  writeFileSync(join(dir, 'package.json'), JSON.stringify({ ...manifest, version: '0.0.1' }));
  return join(dir, 'bin/recipe.js');
}

describe.skipIf(missing !== undefined)('machines that do not fit into a fleet', () => {
  test('a Redis that is too old is refused, by whoever comes to it', async () => {
    await using fleet = await FleetRig.start();
    await using old = await OldRedis.before(fleet.redis.port);
    const rig = await fleet.project({ 'recipe.yaml': one('old') });
    rig.env['STOCKPOT_REDIS_URL'] = old.url;
    for (const command of [
      ['run', '-p', 'fleet'],
      ['worker', '--unsafe-redis'],
    ]) {
      const { exit, err } = await rig.recipe(...command);
      expect([exit, err]).toEqual([
        69,
        expect.stringMatching(/is version 5\.\d+\.\d+; a fleet needs 6\.2 .*REDIS_TOO_OLD[^]*Update Redis/),
      ]);
    }
    const { exit, out } = await rig.recipe('doctor', '--fleet', '-p', 'fleet');
    expect([exit, out]).toEqual([69, expect.stringMatching(/^problem +redis version +.*5\.\d/m)]);
  });

  test.each([
    [HOUR_MS, 'ahead of'],
    [-HOUR_MS, 'behind'],
  ])('a machine whose clock is %i ms off is refused, and says what to do', async (off, says) => {
    await using fleet = await FleetRig.start();
    await fleet.worker();
    const rig = await fleet.project({ 'recipe.yaml': one('clock') });
    rig.env['NODE_OPTIONS'] = clockOff(off);
    for (const command of [['run', '-p', 'fleet'], ['worker']]) {
      const { exit, err } = await rig.recipe(...command);
      expect([exit, err]).toEqual([
        69,
        expect.stringMatching(
          new RegExp(
            `The clock of this machine is 3(?:600|599)\\.\\d s ${says} that of Redis[^]*timedatectl set-ntp`,
          ),
        ),
      ]);
    }
    // Who insists is taken.
    const insisting = await rig.recipe('run', '-p', 'fleet', '--unsafe-redis');
    expect([insisting.exit, insisting.err]).toEqual([0, expect.not.stringContaining('REDIS_CLOCK')]);
  });

  test('a bucket that takes no signature by this machine’s clock is waited for, with the reason', async () => {
    await using server = await S3Server.start({ now: () => Date.now() - HOUR_MS });
    await using fleet = await FleetRig.start();
    const rig = await fleet.project({ 'recipe.yaml': one('bucket') });
    Object.assign(rig.env, environmentOf(server, 's3://bucket'));
    const run = new FollowedRun(rig, '-p', 'fleet');
    await run.until(waits('RequestTimeTooSkewed, said the server: check the clock of this machine'));
    run.kill('SIGINT');
    expect((await run.end()).exit).toBe(130);
  });

  test('a worker of another version takes no shipped component, and says which it would take', async () => {
    await using fleet = await FleetRig.start();
    const rig = await fleet.project({
      'recipe.yaml': `steps: { a: { uses: sql, with: { sql: SELECT 1 AS x } } }\n`,
    });
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string };
    const other = await fleet.machine(otherVersion(join(fleet.dir, 'other')));
    await fleet.workerIn(other);
    const run = new FollowedRun(rig, '-p', 'fleet');
    await run.until(waits(`a worker of Stockpot ${version}: this one is 0.0.1`));
    await fleet.worker();
    expect(outcomes((await run.end()).events)).toEqual({ a: 'succeeded' });
  });

  test('two fleets on one prefix: what the other’s worker takes fails and says why, and runs once each has its own', async () => {
    await using fleet = await FleetRig.start();
    const other = await fleet.machine();
    other.env['STOCKPOT_REMOTE'] = join(fleet.dir, 'other');
    mkdirSync(join(fleet.dir, 'other'));
    const foreign = await fleet.workerIn(other);
    const rig = await fleet.project({
      'recipe.yaml': `steps:
  bare: { run: [sh, -c, 'echo prefix > "$OUT_x"'], outputs: { x: x } }
  code: { run: [sh, tool.sh], code: [tool.sh] }
`,
      'tool.sh': 'echo tool\n',
    });
    const events = await rig.events('-p', 'fleet', '--keep-going');
    const failures = events.flatMap((event) => (event.type === 'step.failed' ? [event.failure] : []));
    const failure = {
      reason: 'infra',
      detail: expect.stringMatching(/see that they share this cache; .* a STOCKPOT_REDIS_PREFIX each$/),
    };
    expect(failures).toEqual([failure, failure]);
    await foreign.end('SIGTERM');
    other.env['STOCKPOT_REDIS_PREFIX'] = 'other';
    await fleet.workerIn(other);
    await fleet.worker();
    expect(await rig.run('-p', 'fleet')).toEqual({ bare: 'succeeded', code: 'succeeded' });
  });
});

describe.skipIf(missing !== undefined || !isRoot)(
  `a fleet whose disks are full${isRoot ? '' : ' (only root can mount a small one)'}`,
  () => {
    const BIG = `steps: { a: { run: [sh, -c, 'echo begun; head -c 8000000 /dev/zero > "$OUT_x"'], outputs: { x: x } } }\n`;

    /** A disk of 4 MB at a path, as long as the rig lives. */
    async function smallDisk(path: string): Promise<AsyncDisposable & { grow: () => Promise<void> }> {
      mkdirSync(path, { recursive: true });
      await execa('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', path]);
      return {
        grow: async () => void (await execa('mount', ['-o', 'remount,size=64m', path])),
        [Symbol.asyncDispose]: async () => void (await execa('umount', ['-l', path])),
      };
    }

    test('a shared folder without room is waited for, and what is done is not done again', async () => {
      await using fleet = await FleetRig.start();
      await using disk = await smallDisk(fleet.shared);
      await fleet.worker();
      const rig = await fleet.project({ 'recipe.yaml': BIG });
      const run = new FollowedRun(rig, '-p', 'fleet');
      await run.until(
        (event) =>
          event.type === 'step.report' &&
          event.entry.type === 'warning' &&
          /waiting for .*no space left/i.test(event.entry.message),
      );
      await disk.grow();
      const { exit, events } = await run.end();
      expect([exit, outcomes(events)]).toEqual([0, { a: 'succeeded' }]);
      expect(events.filter(({ type }) => type === 'step.output').length).toBe(1);
    });

    test('a worker without room fails the step with a message, and the next run goes on', async () => {
      await using fleet = await FleetRig.start();
      const machine = await fleet.machine();
      await using disk = await smallDisk(join(machine.dir, 'disk'));
      machine.env['STOCKPOT_HOME'] = join(machine.dir, 'disk/home');
      const worker = await fleet.workerIn(machine);
      const rig = await fleet.project({ 'recipe.yaml': BIG });
      const events = await rig.events('-p', 'fleet');
      const failed = events.find((event) => event.type === 'step.failed');
      expect(JSON.stringify(failed)).toMatch(/no space left/i);
      await disk.grow();
      expect(await rig.run('-p', 'fleet')).toEqual({ a: 'succeeded' });
      await worker.end('SIGTERM');
    });
  },
);

test('the rig’s clock is off where it says so', async () => {
  await using rig = await CliRig.create({ 'recipe.yaml': one('rig') });
  rig.env['NODE_OPTIONS'] = clockOff(HOUR_MS);
  const [started] = await rig.events();
  expect((started?.at ?? 0) - Date.now()).toBeGreaterThan(HOUR_MS / 2);
});
