import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Check } from '../../src/cli/check.ts';
import { checkRedis } from '../../src/cli/check-redis.ts';
import { checkStoreClock } from '../../src/cli/check-store-clock.ts';
import { systemWorld } from '../../src/core/system-world.ts';
import type { Clock } from '../../src/core/world.ts';
import { openRedis, redisAddress } from '../../src/executors/fleet/redis.ts';
import { newKey } from '../../src/store/remote/signing.ts';
import { CliRig } from '../rigs/cli-rig.ts';
import { FleetRig } from '../rigs/fleet-rig.ts';
import { freePort } from '../rigs/free-port.ts';
import { keepingFiles, OtherServer } from '../rigs/other-server.ts';
import { RedisRig } from '../rigs/redis-rig.ts';
import { S3Server } from '../rigs/s3-server.ts';
import { ServerProcess } from '../rigs/server-process.ts';
import { environmentOf } from '../rigs/shared-store.ts';

const missing = await RedisRig.missing();

const RECIPE = `steps:
  a: { run: [sh, -c, 'echo 1 > "$OUT_x"'], outputs: { x: x } }
  b: { run: [sh, -c, 'cat "$IN_x"'], inputs: { x: a.x }, queue: gpu }
  c: { run: [sh, -c, 'cat "$IN_x"'], inputs: { x: a.x }, queue: here, isolation: project }
`;

/** What it says of the machine whatever is shared. */
const OF_MACHINE = new Set([
  'node',
  'sqlite',
  'home',
  'index.db',
  'tracking.db',
  'ledger.db',
  'duckdb',
  'bash',
  'git',
  'python3',
]);

interface Said {
  readonly exit: number | undefined;
  /** `ok`, `advice` or `problem`, by name. */
  readonly words: Readonly<Record<string, string>>;
  readonly of: (name: string) => string;
}

async function doctor(rig: CliRig, ...args: string[]): Promise<Said> {
  const { exit, out } = await rig.recipe('doctor', '--fleet', '-p', 'fleet', '--json', ...args);
  const checks = (JSON.parse(out) as Check[]).filter(({ name }) => !OF_MACHINE.has(name));
  const word = ({ ok, fix }: Check): string => (ok ? (fix === undefined ? 'ok' : 'advice') : 'problem');
  return {
    exit,
    words: Object.fromEntries(checks.map((check) => [check.name, word(check)])),
    of: (name) => {
      const found = checks.find((check) => check.name === name);
      return `${found?.detail} | ${found?.fix}`;
    },
  };
}

const GOOD = {
  redis: 'ok',
  'redis aof': 'ok',
  clock: 'ok',
  'queue default': 'ok',
  'queue gpu': 'ok',
  remote: 'ok',
  flights: 'ok',
  'store clock': 'ok',
  keys: 'ok',
};

describe.skipIf(missing !== undefined)('recipe doctor --fleet', () => {
  let fleet: FleetRig;
  beforeAll(async () => {
    fleet = await FleetRig.start('--appendonly', 'yes');
    await fleet.worker('--queue', 'default', '--queue', 'gpu', '--concurrency', '3');
  });
  afterAll(async () => fleet[Symbol.asyncDispose]());

  const project = async (profile = '', recipe = RECIPE): Promise<CliRig> =>
    fleet.project({ 'recipe.yaml': recipe, 'profiles/fleet.yaml': `executor: fleet\n${profile}` });

  test('finds nothing wrong with a fleet that is as it should be, and leaves no task in its queues', async () => {
    const rig = await project();
    const said = await doctor(rig);
    expect(said.words).toEqual(GOOD);
    expect(said.exit).toBe(0);
    expect(said.of('queue gpu')).toContain('workers: 1, steps at once: 3');
    expect(said.of('redis')).toMatch(/^127\.0\.0\.1:\d+, version \d+\.\d+\.\d+, answers in \d+\.\d ms/);
    expect(said.of('flights')).toMatch(/^written and read in \d+\.\d ms; of several writers one wins/);
    const { out } = await rig.recipe('workers', '-p', 'fleet', '--json');
    expect(JSON.parse(out)).toMatchObject({ queues: [] });
  });

  test('a queue that no worker takes from is a finding, with the worker that is missing', async () => {
    const rig = await project('', RECIPE.replace('queue: gpu', 'queue: large'));
    const said = await doctor(rig);
    expect(said.exit).toBe(69);
    expect(said.words['queue large']).toBe('problem');
    expect(said.of('queue large')).toContain('`recipe worker --queue large`');
    const { exit, out } = await rig.recipe('doctor', '--fleet', '-p', 'fleet');
    expect(exit).toBe(69);
    expect(out).toMatch(
      /^problem {2}queue large {2}no worker takes from it: its steps wait\n {9,}Start one: /m,
    );
  });

  test('without a recipe, what workers take from is looked at, and said so', async () => {
    const rig = await fleet.project({});
    const said = await doctor(rig);
    expect(said.words).toEqual({ ...GOOD, recipe: 'advice' });
    expect(said.exit).toBe(0);
    const named = await doctor(rig, 'nowhere');
    expect([named.exit, named.words['recipe']]).toEqual([69, 'problem']);
  });

  test('a recipe that is wrong is said, and the rest is looked at all the same', async () => {
    const said = await doctor(await project('', 'steps: { a: { runs: [x] } }\n'));
    expect(said.words).toEqual({ ...GOOD, recipe: 'problem' });
    expect(said.exit).toBe(69);
  });

  test('a profile whose steps run here is advised about', async () => {
    const rig = await fleet.project({ 'recipe.yaml': RECIPE, 'profiles/fleet.yaml': 'executor: local\n' });
    const said = await doctor(rig);
    expect(said.words).toEqual({ ...GOOD, profile: 'advice' });
    expect(said.of('profile')).toContain('executor: fleet');
  });

  test('without a shared cache there is no fleet', async () => {
    const rig = await project();
    delete rig.env['STOCKPOT_REMOTE'];
    const said = await doctor(rig);
    expect([said.exit, said.words['remote'], said.words['flights']]).toEqual([69, 'problem', undefined]);
    expect(said.of('remote')).toContain('| Write `cache: { remote:');
  });

  test('a shared cache that is read-only here is no fleet’s, and nothing is put there', async () => {
    await using other = await FleetRig.start();
    const rig = await project(`cache: { remote: "${other.shared}", accept: [any], read_only: true }\n`);
    delete rig.env['STOCKPOT_REMOTE'];
    const said = await doctor(rig);
    expect([said.exit, said.words['remote']]).toEqual([69, 'problem']);
    expect(said.of('remote')).toContain('read_only');
    expect(readdirSync(other.shared)).toEqual([]);
  });

  test('a shared cache that is away is a problem', async () => {
    const rig = await project();
    rig.env['STOCKPOT_REMOTE'] = join(fleet.dir, 'nowhere');
    const said = await doctor(rig);
    expect([said.exit, said.words['remote']]).toEqual([69, 'problem']);
  });

  test('a folder that keeps no records of flights is told what to mend', async () => {
    const rig = await project();
    const path = join(rig.dir, 'shared');
    await rig.write('shared/flights', 'a file');
    rig.env['STOCKPOT_REMOTE'] = path;
    const said = await doctor(rig);
    expect([said.exit, said.words['remote'], said.words['flights']]).toEqual([69, 'ok', 'problem']);
    expect(said.of('flights')).toMatch(/ENOTDIR.* \| See that flights\/ there is a folder/);
  });

  test('so is a bucket', async () => {
    await using server = await S3Server.start();
    server.fault = ({ method, key }) =>
      method === 'PUT' && key.startsWith('flights/') ? { status: 403, code: 'AccessDenied' } : undefined;
    const rig = await project();
    Object.assign(rig.env, environmentOf(server, 's3://bucket'));
    const said = await doctor(rig);
    expect([said.exit, said.words['remote'], said.words['flights']]).toEqual([69, 'ok', 'problem']);
    expect(said.of('flights')).toMatch(/AccessDenied.* \| Allow s3:PutObject .*s3:ListBucket/);
  });

  test('so is a web server that is not ours', async () => {
    await using server = await OtherServer.create(keepingFiles());
    const rig = await project();
    rig.env['STOCKPOT_REMOTE'] = server.urlFor();
    const said = await doctor(rig);
    expect([said.exit, said.words['remote'], said.words['flights']]).toEqual([69, 'ok', 'problem']);
    expect(said.of('flights')).toMatch(
      /keeps no records of flights.* \| Use `recipe server` of this version/,
    );
  });

  test('a machine takes its own results: its key is among those that it accepts', async () => {
    const [own, other] = [newKey(), newKey()];
    const rig = await project();
    rig.env['STOCKPOT_SIGNING_KEY'] = own.privateKey;
    rig.env['STOCKPOT_ACCEPT'] = `${other.publicKey},${own.publicKey}`;
    expect((await doctor(rig)).of('keys')).toContain(`takes results by 2 keys; signs as ${own.publicKey}`);
    rig.env['STOCKPOT_ACCEPT'] = other.publicKey;
    const said = await doctor(rig);
    expect([said.exit, said.words['keys']]).toEqual([69, 'problem']);
    expect(said.of('keys')).toContain(`| Add ${own.publicKey} to \`accept:\``);
    expect(said.of('keys')).not.toContain(own.privateKey);
  });

  test.each([
    ['STOCKPOT_ACCEPT', 'ed25519:short', 'ed25519:short'],
    ['STOCKPOT_SIGNING_KEY', 'no key', 'signing key'],
    ['STOCKPOT_REMOTE', 'ftp://nowhere', 'ftp'],
  ])('%s=%s is said to be wrong', async (name, value, says) => {
    const rig = await project();
    rig.env[name] = value;
    const said = await doctor(rig);
    expect(said.exit).toBe(69);
    expect(said.of('remote').toLowerCase()).toContain(says);
  });

  test.each([
    ['http://127.0.0.1:1', 'redis://'],
    ['nonsense', 'redis://'],
  ])('%s is no address of Redis', async (url, says) => {
    const rig = await project();
    rig.env['STOCKPOT_REDIS_URL'] = url;
    const said = await doctor(rig);
    expect([said.exit, said.words]).toEqual([
      69,
      { redis: 'problem', remote: 'ok', flights: 'ok', 'store clock': 'ok', keys: 'ok' },
    ]);
    expect(said.of('redis')).toContain(says);
  });

  test('where nobody answers, the cache is looked at all the same', async () => {
    const rig = await project();
    rig.env['STOCKPOT_REDIS_URL'] = `redis://127.0.0.1:${await freePort()}`;
    const said = await doctor(rig);
    expect([said.exit, said.words]).toEqual([
      69,
      { redis: 'problem', remote: 'ok', flights: 'ok', 'store clock': 'ok', keys: 'ok' },
    ]);
    expect(said.of('redis')).toMatch(/cannot be reached: .*ECONNREFUSED.* \| Check the address/);
  });

  test('a profile’s databases and servers are looked at', async () => {
    await using server = await ServerProcess.start(await fleet.machine());
    const rig = await project(`database: "postgres://ann@127.0.0.1:${await freePort()}/x"\n`);
    rig.env['STOCKPOT_SERVER_URL'] = server.url;
    const said = await doctor(rig);
    expect([said.exit, said.words]).toEqual([
      69,
      { ...GOOD, database: 'problem', server: 'ok', 'server clock': 'ok' },
    ]);
  });

  test('a RECIPE without --fleet is refused: nothing would be looked at for it', async () => {
    const { exit, err } = await (await project()).recipe('doctor', 'flight-delay');
    expect([exit, err.includes('--fleet')]).toEqual([2, true]);
  });
});

describe.skipIf(missing !== undefined)('recipe doctor --fleet, of Redis', () => {
  test('a password that is wrong, or not given, is said so and never shown', async () => {
    await using redis = await RedisRig.start('--requirepass', 'right-one');
    await using fleet = await FleetRig.start();
    const rig = await fleet.project({ 'recipe.yaml': RECIPE });
    for (const [auth, says] of [
      [':wrong-one@', 'WRONGPASS'],
      ['', 'NOAUTH'],
    ]) {
      rig.env['STOCKPOT_REDIS_URL'] = `redis://${auth}127.0.0.1:${redis.port}`;
      const said = await doctor(rig);
      expect([said.exit, said.words['redis']]).toEqual([69, 'problem']);
      expect(said.of('redis')).toContain(says);
      expect(said.of('redis')).not.toContain('wrong-one');
    }
    rig.env['STOCKPOT_REDIS_URL'] = `redis://:right-one@127.0.0.1:${redis.port}`;
    expect((await doctor(rig)).words['redis']).toBe('ok');
  });

  test('one that throws keys away is a problem, one without AOF works and is advised about', async () => {
    await using fleet = await FleetRig.start('--maxmemory-policy', 'allkeys-lru');
    const rig = await fleet.project({ 'recipe.yaml': RECIPE });
    const said = await doctor(rig);
    expect(said.exit).toBe(69);
    expect(said.words).toMatchObject({ 'redis policy': 'problem', 'redis aof': 'advice' });
    expect(said.of('redis policy')).toMatch(
      /allkeys-lru.* \| Run `redis-cli config set maxmemory-policy noeviction`/,
    );
  });

  test('without any worker each queue of the recipe is said', async () => {
    await using fleet = await FleetRig.start();
    const rig = await fleet.project({ 'recipe.yaml': RECIPE });
    expect((await doctor(rig)).words).toMatchObject({ 'queue default': 'problem', 'queue gpu': 'problem' });
  });

  test.each([
    [-90_000, false, 'behind'],
    [90_000, false, 'ahead of'],
    [30_000, true, 'ahead of'],
  ])('a clock that is %i ms off', async (offMs, ok, says) => {
    await using server = await RedisRig.start();
    const { clock } = systemWorld({});
    const off: Clock = {
      now: () => clock.now() + offMs,
      monotonic: () => clock.monotonic(),
      sleep: async (ms, signal) => clock.sleep(ms, signal),
    };
    const address = redisAddress({ url: server.url }, {});
    const redis = openRedis(address);
    const checks = await checkRedis(redis, address, off);
    redis.disconnect();
    const check = checks.find(({ name }) => name === 'clock');
    expect(check?.ok).toBe(ok);
    expect(check?.detail).toContain(`s ${says} Redis`);
    expect(check?.fix === undefined).toBe(ok);
  });
});

test.each([
  [-90_000, false, 'behind'],
  [90_000, false, 'ahead of'],
  [0, true, ''],
])('a machine that is %i ms off a shared folder is told so', async (offMs, ok, says) => {
  await using rig = await CliRig.create({});
  const { clock } = systemWorld({});
  const [check] = checkStoreClock(rig.dir, { ...clock, now: () => clock.now() + offMs });
  expect([check?.ok, check?.fix === undefined]).toEqual([ok, ok]);
  expect(check?.detail).toContain(`${says} the shared cache`);
  expect(readdirSync(rig.dir).filter((name) => name.startsWith('clock-'))).toEqual([]);
});
