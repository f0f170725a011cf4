import { existsSync, globSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';
import { inProcessWith } from '../rigs/in-process.ts';
import { onPostgres } from '../rigs/on-postgres.ts';
import type { PostgresRig } from '../rigs/postgres-rig.ts';
import { endsIn } from '../rigs/schedule-rig.ts';

const HOUR = 3_600_000;

const FILES = {
  'recipe.yaml': 'steps:\n  a: { run: [bash, -c, "echo run >> \\"$1\\"", x, "{{ LOG }}"], cache: never }\n',
};

onPostgres((postgres) => {
  test('two schedulers, each with a home of its own, share the ticks of a ledger on PostgreSQL: one run each', async () => {
    await using rig = await CliRig.create(FILES);
    // Four instants up to now, by the ledger's clock.
    const start = `${new Date(Date.now() - 3.5 * HOUR).toISOString().slice(0, 19)}Z`;
    await rig.write(
      'profiles/local.yaml',
      `LOG: ${rig.dir}/log\nschedule: { every: 1h, start: "${start}", catch_up: all, overlap: allow }\n`,
    );
    Object.assign(rig.env, {
      STOCKPOT_DATABASE_URL: postgres().url,
      STOCKPOT_CACHE: join(rig.dir, 'cache'),
      STOCKPOT_HOME: join(rig.dir, 'one'),
    });
    const wrongBy = async (hours: number, home: string, ...args: string[]): Promise<string> => {
      const env = { ...rig.env, STOCKPOT_HOME: join(rig.dir, home) };
      const now = Date.now() + hours * HOUR;
      const { out, err, exit } = await inProcessWith({ dir: rig.dir, env, now }, 'schedules', ...args);
      expect([exit, err]).toEqual([0, '']);
      return out;
    };
    await wrongBy(2, 'one', 'apply');
    const [{ name = '' } = {}] = JSON.parse(await wrongBy(2, 'one', 'list', '--json')) as { name?: string }[];
    const [next = ''] = JSON.parse(await wrongBy(2, 'one', 'next', name, '--json')) as string[];
    expect(Date.parse(next) - Date.now()).toBeLessThanOrEqual(HOUR);
    await appliedLongAgo(postgres());
    const serve = ['serve', '--once', '--json'];
    const both = await Promise.all([wrongBy(1.5, 'one', ...serve), wrongBy(-1.5, 'two', ...serve)]);
    expect(both.flatMap(endsIn).map((line) => line.slice(6))).toEqual(
      Array.from({ length: 4 }, () => 'caught-up succeeded'),
    );
    expect(await rig.read('log')).toBe('run\n'.repeat(4));
    // Nothing of it lies in a home.
    expect(['one', 'two'].filter((home) => existsSync(join(rig.dir, home, 'ledger.db')))).toEqual([]);
  }, 60_000);

  test('a schedule of every 1.1 hours ticks on PostgreSQL', async () => {
    await using rig = await CliRig.create(FILES);
    await rig.write('profiles/local.yaml', `LOG: ${rig.dir}/log\nschedule: { every: 1.1h }\n`);
    const env = { STOCKPOT_DATABASE_URL: postgres().url, STOCKPOT_CACHE: join(rig.dir, 'cache') };
    const here = { dir: rig.dir, env };
    expect((await inProcessWith(here, 'schedules', 'apply')).exit).toBe(0);
    await appliedLongAgo(postgres());
    const { out, err } = await inProcessWith(here, 'schedules', 'serve', '--once', '--json');
    expect([err, endsIn(out).map((line) => line.slice(6))]).toEqual(['', ['caught-up succeeded']]);
  }, 60_000);

  test('of two that are applied at once and would start each other one is refused, and keeps nothing', async () => {
    await using rig = await CliRig.create({
      'recipes/a/recipe.yaml': FILES['recipe.yaml'],
      'recipes/b/recipe.yaml': FILES['recipe.yaml'],
      'recipes/a/profiles/local.yaml': 'LOG: x\nschedule: { after: b }\n',
      'recipes/b/profiles/local.yaml': 'LOG: x\nschedule: { after: a }\n',
    });
    const env = { ...rig.env, STOCKPOT_DATABASE_URL: postgres().url, STOCKPOT_CACHE: join(rig.dir, 'cache') };
    const both = await Promise.all(
      ['a', 'b'].map(async (recipe) => inProcessWith({ dir: rig.dir, env }, 'schedules', 'apply', recipe)),
    );
    expect(new Set(both.map(({ exit }) => exit))).toEqual(new Set([0, 2]));
    expect(both.map(({ err }) => err).join('')).toContain('SCHEDULE_CYCLE');
    expect(globSync(join(rig.dir, 'cache/**/schedule-*'))).toHaveLength(1);
  });

  test('two processes that run what is due at once have one run of it', async () => {
    await using rig = await CliRig.create(FILES);
    rig.env['STOCKPOT_DATABASE_URL'] = postgres().url;
    await rig.write(
      'profiles/local.yaml',
      `LOG: ${rig.dir}/log\nschedule: { every: 1000d, window: 2000d }\n`,
    );
    expect((await rig.recipe('schedules', 'apply')).exit).toBe(0);
    // Its last instant is due, once.
    await appliedLongAgo(postgres());
    const both = await Promise.all([1, 2].map(() => rig.recipe('schedules', 'serve', '--once', '--json')));
    expect(both.map(({ exit }) => exit)).toEqual([0, 0]);
    expect(both.flatMap(({ out }) => endsIn(out)).map((line) => line.slice(6))).toEqual([
      'caught-up succeeded',
    ]);
    expect(await rig.read('log')).toBe('run\n');
  }, 60_000);
});

/** As if its schedules had been, none of whose instants are decided. */
async function appliedLongAgo(postgres: PostgresRig): Promise<void> {
  await postgres.query('UPDATE ledger.schedules SET cursor_at = 0');
}

test('a ledger out of reach is said before anything is written, without its password', async () => {
  await using rig = await CliRig.create(FILES);
  await rig.write('profiles/local.yaml', 'LOG: x\nschedule: { every: 1h }\n');
  const env = { STOCKPOT_DATABASE_URL: 'postgres://ann:canary@127.0.0.1:1/x' };
  for (const command of [['apply'], ['list'], ['serve', '--once']]) {
    const { exit, err } = await inProcessWith({ dir: rig.dir, env }, 'schedules', ...command);
    expect([command, exit, err]).toEqual([command, 69, expect.stringContaining('DATABASE_UNREACHABLE')]);
    expect(err).not.toContain('canary');
  }
  expect(existsSync(join(rig.dir, '.stockpot'))).toBe(false);
});

test('an address that is none is refused', async () => {
  await using rig = await CliRig.create(FILES);
  const env = { STOCKPOT_DATABASE_URL: 'mysql://127.0.0.1/x' };
  expect(await inProcessWith({ dir: rig.dir, env }, 'schedules', 'list')).toMatchObject({
    exit: 2,
    err: expect.stringContaining('ADDRESS_INVALID') as string,
  });
});
