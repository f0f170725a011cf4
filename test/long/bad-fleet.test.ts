import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CliRig, Outcome } from '../rigs/cli-rig.ts';
import { FleetRig, WorkerProcess } from '../rigs/fleet-rig.ts';
import { freePort } from '../rigs/free-port.ts';
import { RedisRig } from '../rigs/redis-rig.ts';

const missing = await RedisRig.missing();

const RECIPE = `steps: { a: { run: [sh, -c, 'echo 1 > "$OUT_x"'], outputs: { x: x } } }\n`;

interface Problem {
  readonly exit: number | undefined;
  readonly code: string;
  readonly message: string;
  readonly hint: string | undefined;
  readonly at: { readonly file: string; readonly line: number; readonly column: number } | undefined;
}

/** What a command with --json says is wrong. */
function problemOf({ exit, err }: Outcome): Problem {
  const line = err.split('\n').find((text) => text.startsWith('{')) ?? '{}';
  const { code, message, hint, at } = JSON.parse(line) as Omit<Problem, 'exit'>;
  return { exit, code, message, hint, at };
}

/** What is wrong in the environment of a machine: the same to a run and to a worker. */
const ENVIRONMENTS: readonly (readonly [
  name: string,
  env: Readonly<Record<string, string | undefined>>,
  exit: number,
  code: string,
  says: string,
])[] = [
  ['nothing says where Redis is', { STOCKPOT_REDIS_URL: undefined }, 2, 'REDIS_UNKNOWN', 'needs Redis'],
  ['an address of http', { STOCKPOT_REDIS_URL: 'http://h:1' }, 2, 'REDIS_INVALID', 'redis://'],
  ['no address', { STOCKPOT_REDIS_URL: 'queue:6379' }, 2, 'REDIS_INVALID', 'STOCKPOT_REDIS_URL'],
  ['a % in the password', { STOCKPOT_REDIS_URL: 'redis://:100%@h:1' }, 2, 'REDIS_INVALID', '%25'],
  ['a % there for the cache', { STOCKPOT_REMOTE: 'https://a:100%@h' }, 2, 'REMOTE_INVALID', '%25'],
  ['a prefix with a blank', { STOCKPOT_REDIS_PREFIX: 'a b' }, 2, 'REDIS_INVALID', 'STOCKPOT_REDIS_PREFIX'],
  ['a prefix with a colon', { STOCKPOT_REDIS_PREFIX: 'a:b' }, 2, 'REDIS_INVALID', 'STOCKPOT_REDIS_PREFIX'],
  ['no shared cache', { STOCKPOT_REMOTE: undefined }, 2, 'FLEET_WITHOUT_CACHE', 'nothing names one'],
  ['a shared cache turned off', { STOCKPOT_REMOTE: '' }, 2, 'FLEET_WITHOUT_CACHE', 'nothing names one'],
  ['nobody’s results taken', { STOCKPOT_ACCEPT: undefined }, 2, 'REMOTE_WITHOUT_ACCEPT', 'accept'],
  ['a key that is none', { STOCKPOT_ACCEPT: 'ed25519:short' }, 2, 'ACCEPTED_KEY_INVALID', 'ed25519:short'],
  ['a cache by ftp', { STOCKPOT_REMOTE: 'ftp://h/x' }, 2, 'REMOTE_INVALID', 'ftp'],
];

describe.skipIf(missing !== undefined)(
  'a fleet that cannot be one is said so before anything is done',
  () => {
    let fleet: FleetRig;
    let locked: RedisRig;
    let evicting: RedisRig;
    beforeAll(async () => {
      fleet = await FleetRig.start();
      locked = await RedisRig.start('--requirepass', 'right-one');
      evicting = await RedisRig.start('--maxmemory-policy', 'allkeys-lru');
    });
    afterAll(async () => {
      for (const one of [fleet, locked, evicting]) await one[Symbol.asyncDispose]();
    });

    const project = async (files: Readonly<Record<string, string>> = {}): Promise<CliRig> =>
      fleet.project({ 'recipe.yaml': RECIPE, ...files });

    const commands = { run: ['run', '-p', 'fleet', '--json'], worker: ['worker', '--json'] };
    const both = Object.entries(commands);

    /** Nothing ran, and no worker was announced. */
    const untouched = async (rig: CliRig): Promise<void> => {
      expect(existsSync(join(rig.dir, '.stockpot/latest'))).toBe(false);
      expect(await fleet.redis.cli('dbsize')).toBe('0');
    };

    describe.each(both)('%s', (_, command) => {
      test.each(ENVIRONMENTS)('%s', async (_name, env, exit, code, says) => {
        const rig = await project();
        for (const [name, value] of Object.entries(env))
          if (value === undefined) delete rig.env[name];
          else rig.env[name] = value;
        const problem = problemOf(await rig.recipe(...command));
        expect(problem).toMatchObject({ exit, code });
        expect(problem.message).toContain(says);
        expect(problem.hint).toBeDefined();
        await untouched(rig);
      });

      test('where nobody answers', async () => {
        const rig = await project();
        rig.env['STOCKPOT_REDIS_URL'] = `redis://127.0.0.1:${await freePort()}`;
        const problem = problemOf(await rig.recipe(...command));
        expect(problem).toMatchObject({ exit: 69, code: 'REDIS_UNREACHABLE' });
        expect(problem.message).toContain('ECONNREFUSED');
      });

      test.each([
        ['a wrong password', ':wrong-one@', 'WRONGPASS'],
        ['a user that is not there', 'nobody:wrong-one@', 'WRONGPASS'],
        ['no password', '', 'NOAUTH'],
      ])('%s, which is not shown', async (_name, auth, says) => {
        const rig = await project();
        rig.env['STOCKPOT_REDIS_URL'] = `redis://${auth}127.0.0.1:${locked.port}`;
        const outcome = await rig.recipe(...command);
        const problem = problemOf(outcome);
        expect(problem).toMatchObject({ exit: 69, code: 'REDIS_REFUSED' });
        expect(problem.message).toContain(says);
        expect(outcome.out + outcome.err).not.toContain('wrong-one');
      });

      test('a Redis that throws keys away', async () => {
        const rig = await project();
        rig.env['STOCKPOT_REDIS_URL'] = evicting.url;
        const problem = problemOf(await rig.recipe(...command));
        expect(problem).toMatchObject({ exit: 69, code: 'REDIS_EVICTS' });
        expect(problem.message).toContain('allkeys-lru');
        expect(problem.hint).toContain('--unsafe-redis');
      });
    });

    test('--unsafe-redis goes on with a Redis that throws keys away', async () => {
      const rig = await project();
      rig.env['STOCKPOT_REDIS_URL'] = evicting.url;
      await using worker = await WorkerProcess.start(rig, '--unsafe-redis');
      expect(await rig.run('-p', 'fleet', '--unsafe-redis')).toEqual({ a: 'succeeded' });
      expect((await worker.end('SIGTERM')).exit).toBe(0);
    });

    test('a shared cache that is read-only', async () => {
      const rig = await project({
        'profiles/fleet.yaml': `executor: fleet\ncache: { remote: "${fleet.shared}", accept: [any], read_only: true }\n`,
      });
      const problem = problemOf(await rig.recipe(...commands.run));
      expect(problem).toMatchObject({ exit: 2, code: 'FLEET_READ_ONLY' });
      expect(problem.message).toContain(fleet.shared);
    });

    test('a worker that drives, too, without the database that runs are submitted to', async () => {
      const rig = await project();
      rig.env['STOCKPOT_DATABASE_URL'] = `postgres://127.0.0.1:${await freePort()}/none`;
      const outcome = await rig.recipe(...commands.worker, '--queue', 'default', '--drive', '1');
      expect(problemOf(outcome)).toMatchObject({ exit: 69, code: 'DATABASE_UNREACHABLE' });
      expect(outcome.err).toContain('steps of others can read what this driver signs in with');
      await fleet.redis.cli('flushall');
    });

    test('a worker whose results it would not take itself', async () => {
      const rig = await project();
      const keygen = async (name: string): Promise<string> =>
        /ed25519:\S+/.exec((await rig.recipe('cache', 'keygen', name)).out)?.[0] ?? '';
      const [own, other] = [await keygen('own.key'), await keygen('other.key')];
      rig.env['STOCKPOT_ACCEPT'] = other;
      const unsigned = problemOf(await rig.recipe(...commands.worker));
      expect(unsigned).toMatchObject({ exit: 2, code: 'WORKER_KEY_UNACCEPTED' });
      expect(unsigned.hint).toContain('recipe cache keygen');
      const signed = problemOf(await rig.recipe(...commands.worker, '--sign-with', 'own.key'));
      expect(signed).toMatchObject({ exit: 2, code: 'WORKER_KEY_UNACCEPTED' });
      expect(signed.hint).toContain(own);
      rig.env['STOCKPOT_ACCEPT'] = `${other},${own}`;
      await using worker = await WorkerProcess.start(rig, '--sign-with', 'own.key');
      expect(await rig.run('-p', 'fleet')).toEqual({ a: 'succeeded' });
      expect((await worker.end('SIGTERM')).exit).toBe(0);
      await fleet.redis.cli('flushall');
    });

    test.each([
      ['redis: { url: "http://h:1" }', 'VALUE_INVALID', 15, 'redis.url'],
      ['redis: { url: "redis://u:secret-one@h" }', 'PASSWORD_IN_PROFILE', 15, 'redis.url'],
      ['redis: { prefix: "a b" }', 'VALUE_INVALID', 18, 'redis.prefix'],
      ['redis: { host: h }', 'KEY_UNKNOWN', 10, 'host'],
      ['redis: here', 'VALUE_INVALID', 8, 'redis'],
    ])('a profile that says %s, at its place', async (line, code, column, says) => {
      const rig = await project({ 'profiles/fleet.yaml': `executor: fleet\n${line}\n` });
      const outcome = await rig.recipe(...commands.run);
      const problem = problemOf(outcome);
      expect(problem).toMatchObject({ exit: 2, code, at: { file: 'profiles/fleet.yaml', line: 2, column } });
      expect(problem.message).toContain(says);
      expect(outcome.err).not.toContain('secret-one');
    });

    test.each(['cluster', '""', '[fleet]', '1'])('executor: %s is none', async (executor) => {
      const rig = await project({ 'profiles/fleet.yaml': `executor: ${executor}\n` });
      const problem = problemOf(await rig.recipe(...commands.run));
      expect(problem).toMatchObject({ exit: 2, at: { file: 'profiles/fleet.yaml', line: 1, column: 11 } });
      expect(problem.message).toContain('executor');
    });

    test.each(['"a b"', '""', '[gpu]', '../x', 'a:b'])('queue: %s is no name of a queue', async (queue) => {
      const rig = await project({
        'recipe.yaml': `steps:\n  a:\n    run: [sh, -c, 'true']\n    queue: ${queue}\n`,
      });
      const problem = problemOf(await rig.recipe(...commands.run));
      expect(problem).toMatchObject({ exit: 2, at: { file: 'recipe.yaml', line: 4, column: 12 } });
      expect(problem.message).toContain('queue');
    });

    test.each([
      [['--concurrency', '0'], '--concurrency 0'],
      [['--concurrency=-1'], '--concurrency -1'],
      [['--concurrency', '1.5'], '--concurrency 1.5'],
      [['--concurrency', 'all'], '--concurrency all'],
      [['--concurrency', ''], '--concurrency '],
      [['--queue', 'a b'], '--queue a b'],
      [['--queue', ''], '--queue '],
      [['--queue', 'ok', '--queue', 'a:b'], '--queue a:b'],
      [['--drain', 'soon'], '--drain soon'],
      [['--drain', '5'], '--drain 5'],
      [['--drain=-5m'], '--drain -5m'],
      [['--secrets', 'nowhere.env'], 'nowhere.env cannot be read'],
      [['--secrets', '.'], '. cannot be read'],
      [['--concurency', '1'], '--concurrency'],
      [['gpu'], 'gpu'],
    ])('recipe worker %j', async (args, says) => {
      const rig = await project();
      const problem = problemOf(await rig.recipe(...commands.worker, ...args));
      expect(problem).toMatchObject({ exit: 2, code: 'USAGE' });
      expect(problem.message).toContain(says);
      await untouched(rig);
    });

    test.each([
      ['NAME=value\n\n# said\nsecret-one\n', 4],
      ['1NAME=secret-one\n', 1],
      ['A-B=secret-one\n', 1],
      ['A=1\r\n=secret-one\r\n', 2],
    ])('recipe worker --secrets with a line that is not NAME=value: %j', async (content, line) => {
      const rig = await project({ 'secrets.env': content });
      const outcome = await rig.recipe(...commands.worker, '--secrets', 'secrets.env');
      const problem = problemOf(outcome);
      expect(problem).toMatchObject({ exit: 2, code: 'USAGE' });
      expect(problem.message).toContain(`secrets.env:${line} is not NAME=value`);
      expect(outcome.out + outcome.err).not.toContain('secret-one');
      await untouched(rig);
    });
  },
);
