import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CliRig } from '../rigs/cli-rig.ts';
import { FleetRig } from '../rigs/fleet-rig.ts';
import { RedisRig } from '../rigs/redis-rig.ts';

const missing = await RedisRig.missing();

describe.skipIf(missing !== undefined)('a user of Redis who may not do all that a fleet does', () => {
  let fleet: FleetRig;
  beforeAll(async () => {
    fleet = await FleetRig.start();
  });
  afterAll(async () => fleet[Symbol.asyncDispose]());

  /** A project whose user of Redis may do all but this. */
  const projectWithout = async (command: string): Promise<CliRig> => {
    const user = `without-${command}`;
    await fleet.redis.cli('acl', 'setuser', user, 'on', '>word', '~*', '&*', '+@all', `-${command}`);
    const rig = await fleet.project({ 'recipe.yaml': 'steps: { a: { run: [echo, rights] } }\n' });
    rig.env['STOCKPOT_REDIS_URL'] = `redis://${user}:word@127.0.0.1:${fleet.redis.port}`;
    return rig;
  };

  test.each([
    ['time', ['run', '-p', 'fleet']],
    ['time', ['worker']],
    ['time', ['workers']],
    ['subscribe', ['worker']],
    ['smembers', ['workers']],
  ])('without %s: recipe %j ends, and says which right is missing', async (command, args) => {
    const { exit, err } = await (await projectWithout(command)).recipe(...args);
    expect([exit, err]).toEqual([69, expect.stringMatching(/REDIS_REFUSED/)]);
    expect(err).toContain(`'${command}'`);
  });

  test('but not to take away what is over: recipe workers lists the rest, as of a replica', async () => {
    const rig = await projectWithout('srem');
    await fleet.redis.cli('sadd', 'stockpot:workers', 'gone');
    expect(await rig.recipe('workers')).toMatchObject({ exit: 0, out: 'no workers\n' });
  });
});
