import { chmodSync, globSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { RunEvent } from '../../src/core/events.ts';
import { fingerprint } from '../../src/core/ids.ts';
import { readFlight } from '../../src/executors/fleet/flight-records.ts';
import { digestOf } from '../../src/store/hash.ts';
import { FolderRemote } from '../../src/store/remote/folder-remote.ts';
import { outcomes } from '../rigs/cli-rig.ts';
import { FleetRig } from '../rigs/fleet-rig.ts';
import { FollowedRun } from '../rigs/followed-run.ts';
import { RedisRig } from '../rigs/redis-rig.ts';
import { TRAIN } from '../rigs/training-step.ts';

const missing = await RedisRig.missing();

const says =
  (text: string) =>
  (event: RunEvent): boolean =>
    event.type === 'step.output' && event.text.includes(text);

describe.skipIf(missing !== undefined)('on a fleet', () => {
  test.each([
    ['loses everything', []],
    ['had it on its disk', ['--appendonly', 'yes']],
  ])(
    'Redis that is killed and %s costs no work: what runs goes on, what waits is put back',
    async (_, redis) => {
      await using fleet = await FleetRig.start(...redis);
      const gate = fleet.gate('gate');
      const rig = await fleet.project({
        'recipe.yaml': `steps:
  a: { run: [sh, -c, 'echo begun; cat ${gate.path} > "$OUT_x"'], outputs: { x: x } }
  b: { run: [sh, -c, 'echo after; cat "$IN_x" > "$OUT_y"'], inputs: { x: a.x }, outputs: { y: y } }
  c: { run: [sh, -c, 'echo waited > "$OUT_z"'], outputs: { z: z } }
`,
      });
      await fleet.worker('--concurrency', '1');
      const run = new FollowedRun(rig, '-p', 'fleet', '--jobs', '4');
      await run.until(says('begun'));
      await fleet.redis.kill();
      await fleet.redis.restart();
      await gate.open();
      const { events } = await run.end();
      expect(outcomes(events)).toEqual({ a: 'succeeded', b: 'succeeded', c: 'succeeded' });
      // Nothing that ran was begun again.
      expect(events.filter(says('begun')).length).toBe(1);
    },
  );

  test('of a step that is begun a second time and ends well, only the killed worker counts, should its result be lost', async () => {
    await using fleet = await FleetRig.start();
    const gate = fleet.gate('gate');
    const rig = await fleet.project({
      'recipe.yaml': `steps: { a: { run: [sh, -c, 'echo begun; cat ${gate.path} > "$OUT_x"'], outputs: { x: x } } }\n`,
    });
    const doomed = await fleet.worker();
    const run = new FollowedRun(rig, '-p', 'fleet');
    await run.until(says('begun'));
    await doomed.end('SIGKILL');
    const worker = await fleet.worker();
    await run.until(says('begun'));
    await gate.open();
    expect(outcomes((await run.end()).events)).toEqual({ a: 'succeeded' });
    await worker.said('ended');
    const [flight = ''] = globSync('flights/*/*', { cwd: fleet.shared });
    const [, of = '', nonce = ''] = flight.split('/');
    const remote = new FolderRemote(fleet.shared, () => Date.now());
    expect(await readFlight(remote, { fingerprint: fingerprint(of), nonce })).toEqual({
      starts: 2,
      lost: 1,
      stuck: 1,
      end: undefined,
      isCancelled: false,
    });
  });

  test('a shared cache that is away when a run begins is waited for', async () => {
    await using fleet = await FleetRig.start();
    await fleet.worker();
    const rig = await fleet.project({
      'recipe.yaml': 'steps: { a: { run: ["true"], inputs: { x: ./x } } }\n',
      x: '1',
    });
    renameSync(fleet.shared, `${fleet.shared}-away`);
    const run = new FollowedRun(rig, '-p', 'fleet');
    await run.until((event) => event.type === 'step.waiting' && event.holder.includes('cannot be written'));
    renameSync(`${fleet.shared}-away`, fleet.shared);
    expect(outcomes((await run.end()).events)).toEqual({ a: 'succeeded' });
  });

  test('a file of the project that the shared cache has damaged is sent there again', async () => {
    await using fleet = await FleetRig.start();
    const files = {
      'recipe.yaml':
        'steps: { a: { run: [sh, -c, \'cp "$IN_x" "$OUT_y"\'], inputs: { x: ./x }, outputs: { y: y } } }\n',
      x: 'right',
    };
    const first = await fleet.worker();
    const rig = await fleet.project(files);
    expect(await rig.run('-p', 'fleet')).toEqual({ a: 'succeeded' });
    await first.end('SIGTERM');
    await fleet.worker();
    const digest = digestOf('right');
    const path = join(fleet.shared, 'cas', digest.slice(0, 2), digest);
    chmodSync(path, 0o644);
    writeFileSync(path, 'wrong');
    expect(await rig.run('-p', 'fleet', '--force')).toEqual({ a: 'succeeded' });
    expect(readFileSync(path, 'utf8')).toBe('right');
  });

  test('a step that takes its worker with it three times is given up', async () => {
    await using fleet = await FleetRig.start();
    const rig = await fleet.project({});
    // A worker's mark, which lies beside its attempts, says which process it is.
    await rig.write(
      'kill.sh',
      `kill -9 "$(sed -n 's/.*"pid":\\([0-9]*\\).*/\\1/p' "$(dirname "$STOCKPOT_STEP")"/../../active/*)"\n`,
    );
    await rig.write('recipe.yaml', 'steps: { a: { run: [sh, kill.sh], code: [kill.sh] } }\n');
    const run = new FollowedRun(rig, '-p', 'fleet');
    for (let nth = 0; nth < 3; nth += 1) await (await fleet.worker('--concurrency', '1')).ended;
    await fleet.worker();
    const { events } = await run.end();
    expect(events.find(({ type }) => type === 'step.failed')).toMatchObject({
      failure: { reason: 'poison', starts: 3 },
    });
  });

  test('a step that lost two workers is not given up while a third runs it and Redis has forgotten that', async () => {
    await using fleet = await FleetRig.start();
    const gate = fleet.gate('gate');
    const rig = await fleet.project({
      'recipe.yaml': `steps: { a: { run: [sh, -c, 'echo begun; cat ${gate.path} > "$OUT_x"'], outputs: { x: x } } }\n`,
    });
    const run = new FollowedRun(rig, '-p', 'fleet');
    for (let nth = 0; nth < 2; nth += 1) {
      const doomed = await fleet.worker();
      await run.until(says('begun'));
      await doomed.end('SIGKILL');
    }
    const third = await fleet.worker();
    await run.until(says('begun'));
    process.kill(third.pid, 'SIGSTOP');
    await fleet.redis.kill();
    await fleet.redis.restart();
    // The run looks, and puts it back.
    await fleet.redis.cli('xread', 'block', '30000', 'streams', 'stockpot:default:events', '$');
    process.kill(third.pid, 'SIGCONT');
    await gate.open();
    expect(outcomes((await run.end()).events)).toEqual({ a: 'succeeded' });
  });

  test('a training of ten epochs whose workers are killed or told to end executes ten epochs', async () => {
    await using fleet = await FleetRig.start();
    const rig = await fleet.project({ 'steps/train.ts': TRAIN, 'outside/epochs': '' });
    await rig.write(
      'recipe.yaml',
      `steps: { train: { uses: ./steps/train.ts, with: { outside: ${rig.dir}/outside }, checkpoint: { every: 1s } } }\n`,
    );
    for (const epoch of [3, 6, 8]) await rig.write(`outside/stop-${epoch}`, '');
    const run = new FollowedRun(rig, '-p', 'fleet');
    const first = await fleet.worker('--drain', '1ms');
    await run.until(says('epoch 3\n'));
    rmSync(join(rig.dir, 'outside/stop-3'));
    await first.end('SIGTERM');
    // Another machine goes on from what was saved; when its worker is killed, the next one there from its own.
    const machine = await fleet.machine();
    const second = await fleet.workerIn(machine, '--drain', '1ms');
    await run.until(says('epoch 6\n'));
    rmSync(join(rig.dir, 'outside/stop-6'));
    await second.end('SIGKILL');
    const third = await fleet.workerIn(machine, '--drain', '1ms');
    await run.until(says('epoch 8\n'));
    rmSync(join(rig.dir, 'outside/stop-8'));
    await third.end('SIGTERM');
    await fleet.worker();
    expect(outcomes((await run.end()).events)).toEqual({ train: 'succeeded' });
    expect((await rig.read('outside/epochs')).trim().split('\n').join(' ')).toBe('1 2 3 4 5 6 7 8 9 10');
  });

  test.each(['another driver', 'a run beside the worker'])(
    'a step that is never cached takes its turn at the checkpoint that %s uses',
    async (by) => {
      await using fleet = await FleetRig.start();
      const gate = fleet.gate('gate');
      const run = `mkdir "$CHECKPOINT/mine"; echo begun; cat ${gate.path} > "$OUT_x"; rmdir "$CHECKPOINT/mine"`;
      const files = {
        'recipe.yaml': `steps: { a: { run: '${run}', checkpoint: true, cache: never, outputs: { x: x } } }\n`,
      };
      const [one, other] = [await fleet.project(files), await fleet.project(files)];
      await (by === 'another driver' ? fleet.worker('--concurrency', '2') : fleet.workerIn(other));
      const first = new FollowedRun(one, '-p', 'fleet');
      await first.until(says('begun'));
      const second = new FollowedRun(other, ...(by === 'another driver' ? ['-p', 'fleet'] : []));
      await second.until((event) => event.type === 'step.waiting' && event.holder.includes('checkpoint'));
      await gate.open();
      expect(outcomes((await first.end()).events)).toEqual({ a: 'succeeded' });
      await second.until(says('begun'));
      await gate.open();
      expect(outcomes((await second.end()).events)).toEqual({ a: 'succeeded' });
    },
  );

  test('a driver that is killed leaves its step running, and the next run takes what it gives', async () => {
    await using fleet = await FleetRig.start();
    const gate = fleet.gate('gate');
    const rig = await fleet.project({
      'recipe.yaml': `steps: { a: { run: [sh, -c, 'echo begun; cat ${gate.path} > "$OUT_x"'], outputs: { x: x } } }\n`,
    });
    await fleet.worker();
    const first = new FollowedRun(rig, '-p', 'fleet');
    await first.until(says('begun'));
    first.kill('SIGKILL');
    const second = new FollowedRun(rig, '-p', 'fleet');
    await second.until(says('begun'));
    await gate.open();
    expect(outcomes((await second.end()).events)).toEqual({ a: 'succeeded' });
  });

  test('a run that was killed a minute ago keeps no step running that the last run ends', async () => {
    await using fleet = await FleetRig.start();
    const gate = fleet.gate('gate');
    const rig = await fleet.project({
      'recipe.yaml': `steps: { a: { run: [sh, -c, 'echo begun; cat ${gate.path}'] } }\n`,
    });
    const worker = await fleet.worker();
    const first = new FollowedRun(rig, '-p', 'fleet');
    await first.until(says('begun'));
    first.kill('SIGKILL');
    const second = new FollowedRun(rig, '-p', 'fleet');
    await second.until(says('begun'));
    // As after a minute in which nobody drove the first.
    const here = (await fleet.redis.cli('KEYS', '*:here:*')).trim().split('\n');
    expect(here).toHaveLength(2);
    for (const key of here) await fleet.redis.cli('DEL', key);
    second.kill('SIGINT');
    expect((await second.end()).exit).toBe(130);
    expect(await worker.said('ended')).toMatchObject({ reason: 'cancelled' });
  });

  test('a step that another run gives less time is begun again for the one that gives it more', async () => {
    await using fleet = await FleetRig.start();
    const gate = fleet.gate('gate');
    const recipe = (limit: string): Record<string, string> => ({
      'recipe.yaml': `steps: { a: { run: [sh, -c, 'echo begun; cat ${gate.path} > "$OUT_x"'], outputs: { x: x }${limit} } }\n`,
    });
    const [hasty, patient] = [await fleet.project(recipe(', timeout: 5s')), await fleet.project(recipe(''))];
    await fleet.worker();
    const first = new FollowedRun(hasty, '-p', 'fleet');
    await first.until(says('begun'));
    const second = new FollowedRun(patient, '-p', 'fleet');
    await second.until(says('begun'));
    expect(outcomes((await first.end()).events)).toEqual({ a: 'failed' });
    await gate.open();
    expect(outcomes((await second.end()).events)).toEqual({ a: 'succeeded' });
  });
});
