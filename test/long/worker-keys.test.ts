import { describe, expect, test } from 'vitest';
import { newKey } from '../../src/store/remote/signing.ts';
import { FleetRig } from '../rigs/fleet-rig.ts';
import { RedisRig } from '../rigs/redis-rig.ts';

const missing = await RedisRig.missing();

describe.skipIf(missing !== undefined)('recipe worker --sign-with', () => {
  test('stands before STOCKPOT_SIGNING_KEY, and signs what a driver runs itself, too', async () => {
    await using fleet = await FleetRig.start();
    const [own, other] = [newKey(), newKey()];
    const project = async (): ReturnType<FleetRig['project']> => {
      const rig = await fleet.project({
        'recipe.yaml': `steps: { a: { run: [sh, -c, 'echo 1 > "$OUT_x"'], outputs: { x: x } } }\n`,
        'own.key': own.privateKey,
      });
      Object.assign(rig.env, { STOCKPOT_ACCEPT: own.publicKey, STOCKPOT_SIGNING_KEY: other.privateKey });
      return rig;
    };
    const rig = await project();
    expect((await rig.recipe('run', '--submit')).exit).toBe(0);
    const driven = await rig.recipe('worker', '--drive', '1', '--once', '--sign-with', 'own.key');
    expect([driven.exit, driven.err]).toEqual([0, expect.stringContaining('succeeded')]);
    expect(await (await project()).run()).toEqual({ a: 'cached' });
    const worker = await fleet.workerIn(await project(), '--sign-with', 'own.key');
    expect((await worker.end('SIGTERM')).exit).toBe(0);
  });

  test('of a file that is not there is said', async () => {
    await using fleet = await FleetRig.start();
    const { exit, err } = await (await fleet.machine()).recipe('worker', '--sign-with', 'nowhere.key');
    expect([exit, err]).toEqual([2, expect.stringContaining('--sign-with nowhere.key cannot be read')]);
  });
});
