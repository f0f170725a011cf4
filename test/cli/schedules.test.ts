import { globSync } from 'node:fs';
import { rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { CliRig, type Outcome } from '../rigs/cli-rig.ts';
import { inProcessWith } from '../rigs/in-process.ts';
import { endsIn, ScheduleRig } from '../rigs/schedule-rig.ts';

const LONG_AGO = new Date('2020-01-01');

describe('a schedule', () => {
  test('runs each tick once, whoever looks and however often', async () => {
    await using rig = await ScheduleRig.create('catch_up: all');
    expect(await rig.serve(0)).toEqual([]);
    const both = await Promise.all([rig.serve(2), rig.serve(2)]);
    expect(both.flat().toSorted()).toEqual(['01:00 caught-up succeeded', '02:00 caught-up succeeded']);
    expect(await rig.serve(2)).toEqual([]);
  });

  test('runs what was applied until the next apply, on the data of the moment', async () => {
    await using rig = await ScheduleRig.create('overlap: skip');
    await rig.cli.write('recipes/daily/recipe.yaml', 'steps:\n  ingest: { run: [false] }\n');
    await rig.cli.write('data.csv', 'a\n2\n');
    expect(await rig.serve(1)).toEqual(['01:00 caught-up succeeded']);
    expect(await rig.cli.read('.stockpot/latest/daily/train/model')).toBe('a\n2\n');
    expect((await rig.at(1, 'apply', 'daily', '-p', 'prod')).exit).toBe(0);
    expect(await rig.serve(2)).toEqual(['02:00 caught-up failed']);
  });

  test('keeps what it runs when an apply dies before it is in force', async () => {
    await using rig = await ScheduleRig.create('overlap: skip');
    for (const path of globSync('.stockpot/cache/cas/*/*', { cwd: rig.cli.dir }))
      await utimes(join(rig.cli.dir, path), LONG_AGO, LONG_AGO);
    await rig.cli.write('recipes/daily/recipe.yaml', 'steps:\n  ingest: { run: [false] }\n');
    rig.cli.env['STOCKPOT_FAILPOINT'] = 'pin.after-rename';
    expect((await rig.cli.recipe('schedules', 'apply', 'daily', '-p', 'prod')).signal).toBe('SIGKILL');
    delete rig.cli.env['STOCKPOT_FAILPOINT'];
    expect((await rig.cli.recipe('cache', 'gc', '--max-size', '1KB')).exit).toBe(0);
    expect(await rig.serve(1)).toEqual(['01:00 caught-up succeeded']);
  });

  test('whose rule changed begins with what is due after the apply; one that is as it was catches up', async () => {
    await using rig = await ScheduleRig.create('catch_up: all');
    expect((await rig.at(2, 'apply', 'daily', '-p', 'prod')).exit).toBe(0);
    expect(await rig.serve(2)).toEqual(['01:00 caught-up succeeded', '02:00 caught-up succeeded']);
    await rig.cli.write(
      'profiles/prod.yaml',
      'schedule: { cron: "15 * * * *", timezone: UTC, catch_up: all }\n',
    );
    expect((await rig.at(5, 'apply', 'daily', '-p', 'prod')).exit).toBe(0);
    expect(await rig.serve(5)).toEqual([]);
    expect(await rig.serve(6)).toEqual(['06:15 caught-up succeeded']);
  });

  test('with only_if_changed runs when its data changed, and else nothing', async () => {
    await using rig = await ScheduleRig.create('only_if_changed: [ingest]');
    expect(await rig.serve(1)).toEqual(['01:00 caught-up succeeded']);
    expect(await rig.serve(2)).toEqual(['02:00 caught-up unchanged']);
    await rig.cli.write('data.csv', 'a\n3\n');
    expect(await rig.serve(3)).toEqual(['03:00 caught-up succeeded']);
    expect(await rig.serve(4)).toEqual(['04:00 caught-up unchanged']);
    expect(endsIn((await rig.at(4, 'run', 'daily', '--json')).out)).toEqual(['04:30 request succeeded']);
  });

  test('is run as often as that is asked for, however soon one after the other', async () => {
    await using rig = await ScheduleRig.create('overlap: skip');
    for (const _ of [1, 2])
      expect(endsIn((await rig.at(0, 'run', 'daily', '--json')).out)).toEqual(['00:30 request succeeded']);
  });

  test('that is paused starts nothing, and does not run what fell into the pause', async () => {
    await using rig = await ScheduleRig.create('catch_up: all');
    expect((await rig.at(0, 'pause', 'daily')).out).toBe('daily@prod is paused\n');
    expect(await rig.serve(2)).toEqual([]);
    expect((await rig.at(2, 'resume', 'daily')).out).toBe('daily@prod goes on\n');
    expect(await rig.serve(3)).toEqual(['03:00 caught-up succeeded']);
  });

  test('that is removed ticks no more, keeps nothing, and begins anew with the next apply', async () => {
    await using rig = await ScheduleRig.create('catch_up: all');
    const pins = (): string[] => globSync(join(rig.cli.dir, '.stockpot/cache/roots/*/schedule-*'));
    expect(await rig.serve(1)).toEqual(['01:00 caught-up succeeded']);
    expect(pins()).toHaveLength(1);
    expect(await rig.at(1, 'remove', 'daily')).toMatchObject({ exit: 0, out: 'daily@prod is removed\n' });
    expect(await rig.serve(2)).toEqual([]);
    expect([(await rig.at(2, 'list', '--json')).out, pins()]).toEqual(['[]\n', []]);
    expect((await rig.at(2, 'remove', 'daily')).err).toContain('SCHEDULE_NOT_FOUND');
    expect((await rig.at(2, 'apply', 'daily', '-p', 'prod')).exit).toBe(0);
    expect((await rig.at(2, 'list', 'daily', '--json')).out).toBe('[]\n');
    expect(await rig.serve(3)).toEqual(['03:00 caught-up succeeded']);
  });

  test('is not removed while a run of it goes on', async () => {
    await using rig = await ScheduleRig.create('overlap: skip');
    expect(await rig.serve(1)).toEqual(['01:00 caught-up succeeded']);
    {
      using database = new DatabaseSync(join(rig.cli.dir, '.stockpot/ledger.db'));
      database.exec(
        `UPDATE ticks SET state = 'running', lease_until = ${Number.MAX_SAFE_INTEGER}, run_id = 'r-1'`,
      );
    }
    const { exit, err } = await rig.at(1, 'remove', 'daily');
    expect([exit, err]).toEqual([
      2,
      expect.stringMatching(/A run of daily@prod goes on: r-1[^]*SCHEDULE_RUNNING/),
    ]);
    expect((await rig.at(1, 'list')).out).toContain('daily@prod');
  });

  test('whose end cannot be written down is interrupted, and closed by the next look', async () => {
    await using rig = await ScheduleRig.create('overlap: skip');
    const path = join(rig.cli.dir, '.stockpot/ledger.db');
    const ledger = (text: string): void => {
      using database = new DatabaseSync(path);
      database.exec(text);
    };
    ledger(`CREATE TRIGGER full BEFORE UPDATE ON ticks WHEN NEW.state = 'succeeded'
              BEGIN SELECT RAISE(ABORT, 'the disk is full'); END`);
    const { out, exit } = await rig.at(1, 'serve', '--once');
    expect(exit).toBe(1);
    expect(out).toContain('01:00:00 UTC interrupted: its end could not be written down');
    expect(out).toContain('the disk is full');
    ledger('DROP TRIGGER full');
    expect(await rig.serve(2)).toEqual(['01:00 caught-up interrupted', '02:00 caught-up succeeded']);
  });

  test('with pause_on_failure stops at the first run that fails', async () => {
    await using rig = await ScheduleRig.create('pause_on_failure: true');
    await rm(join(rig.cli.dir, 'data.csv'));
    const { out, exit } = await rig.at(1, 'serve', '--once');
    expect([exit, out]).toEqual([
      1,
      'daily@prod 2027-01-01 01:00:00 UTC running\ndaily@prod 2027-01-01 01:00:00 UTC failed: INPUT_NOT_FOUND: The input data of the step ingest does not exist: ./data.csv\n',
    ]);
    expect(await rig.serve(2)).toEqual([]);
    expect((await rig.at(2, 'list')).out).toContain('paused: a run failed');
  });

  test('with pause_on_failure goes on when a backfill fails', async () => {
    await using rig = await ScheduleRig.create('pause_on_failure: true');
    await rm(join(rig.cli.dir, 'data.csv'));
    const day = ['--from', '2027-01-01T00:00Z', '--to', '2027-01-01T00:00Z', '--json'];
    expect(endsIn((await rig.at(0, 'backfill', 'daily', ...day)).out)).toEqual(['00:00 backfill failed']);
    expect((await rig.at(0, 'list')).out).not.toContain('paused');
  });

  test('backfills instants without a tick, each with its own tick.at; --force runs them again', async () => {
    const recipe = `steps:
  day: { run: [bash, -c, 'echo "$1" > "$2"', x, "{{ tick.at }}", "{{ outputs.o }}"], outputs: { o: o } }
  same: { run: [bash, -c, 'echo 1 > "$1"', x, "{{ outputs.o }}"], outputs: { o: o } }
`;
    await using rig = await ScheduleRig.create('overlap: skip', recipe);
    const range = ['--from', '2026-12-31T22:00Z', '--to', '2027-01-01T00:00Z', '--json'];
    expect(endsIn((await rig.at(0, 'backfill', 'daily', ...range)).out)).toEqual([
      '22:00 backfill succeeded',
      '23:00 backfill succeeded',
      '00:00 backfill succeeded',
    ]);
    expect(await rig.cli.read('.stockpot/latest/daily/day/o')).toBe('2027-01-01T00:00:00Z\n');
    expect(endsIn((await rig.at(0, 'backfill', 'daily', ...range)).out)).toEqual([]);
    expect(endsIn((await rig.at(0, 'backfill', 'daily', '--force', ...range)).out)).toHaveLength(3);
    // In the key of the step that uses it alone: three results of one step, one of the other.
    const { results } = JSON.parse((await rig.cli.recipe('cache', 'list', '--json')).out) as {
      results: { producer: { step: string } }[];
    };
    expect(results.map(({ producer }) => producer.step).toSorted()).toEqual(['day', 'day', 'day', 'same']);
  });

  test('backfills nothing that is not due yet: it runs at its time', async () => {
    await using rig = await ScheduleRig.create('overlap: skip');
    const { out, err, exit } = await rig.at(
      0,
      'backfill',
      'daily',
      '--from',
      '2026-12-31T23:00Z',
      '--to',
      '2027-01-01T03:00Z',
      '--json',
    );
    expect([exit, endsIn(out)]).toEqual([0, ['23:00 backfill succeeded', '00:00 backfill succeeded']]);
    expect(err).toBe(
      'From 2027-01-01 01:00:00 UTC on ticks are not due yet: a scheduler runs them when they are\n',
    );
    expect(await rig.serve(1)).toEqual(['01:00 caught-up succeeded']);
  });

  test('backfills nothing that may have had a tick which is forgotten, unless it is forced', async () => {
    await using rig = await ScheduleRig.create('overlap: skip');
    {
      using database = new DatabaseSync(join(rig.cli.dir, '.stockpot/ledger.db'));
      const range = [Date.UTC(2026, 11, 31, 20), Date.UTC(2026, 11, 31, 22)] as const;
      database.prepare('UPDATE schedules SET forgotten_from = ?, forgotten_to = ?').run(...range);
    }
    const said = '2 instants may have had a tick that is forgotten: --force runs them\n';
    const backfill = async (to: string, ...more: string[]): Promise<Outcome> =>
      rig.at(0, 'backfill', 'daily', '--from', '2026-12-31T21:00Z', '--to', to, '--json', ...more);
    expect(await backfill('2026-12-31T22:00Z')).toMatchObject({ exit: 0, out: '', err: said });
    const { out, err } = await backfill('2026-12-31T23:00Z');
    expect([endsIn(out), err]).toEqual([['23:00 backfill succeeded'], said]);
    const forced = await backfill('2026-12-31T22:00Z', '--force');
    expect([endsIn(forced.out), forced.err]).toEqual([
      ['21:00 backfill succeeded', '22:00 backfill succeeded'],
      '',
    ]);
  });

  test('backfills 10,000 ticks at once at most, and says where to part more', async () => {
    await using rig = await ScheduleRig.create('overlap: skip');
    const backfill = async (from: string, to: string): Promise<Outcome> =>
      rig.at(0, 'backfill', 'daily', '--from', from, '--to', to);
    // 10,000 hours are 416 days and 16 hours.
    expect(await backfill('2025-01-01T00:00Z', '2026-02-21T16:00Z')).toMatchObject({
      exit: 2,
      out: '',
      err: expect.stringMatching(
        /BACKFILL_TOO_LARGE[^]*Do it in parts: --to 2026-02-21T15:00:00Z, then --from 2026-02-21T16:00:00Z\./,
      ) as string,
    });
    expect((await rig.at(0, 'list', 'daily', '--json')).out).toBe('[]\n');
    expect((await backfill('2026-12-31T23:00Z', '2027-01-01T00:00Z')).exit).toBe(0);
  });

  test('whose backfill has nothing to do says why', async () => {
    await using rig = await ScheduleRig.create('overlap: skip');
    const said = async (...range: string[]): Promise<string> =>
      (await rig.at(0, 'backfill', 'daily', ...range)).err;
    const day = ['--from', '2026-12-31T23:00Z', '--to', '2027-01-01T00:00Z'];
    expect(await said(...day)).toBe('');
    expect(await said(...day)).toBe(
      'Nothing to run: each of 2 instants has a tick; --force runs them again\n',
    );
    expect(await said('--from', '2027-01-01T00:10Z', '--to', '2027-01-01T00:20Z')).toBe(
      'Nothing to run: no tick lies there\n',
    );
  });

  test('is rejected when the verdict is, then failed, then well again', async () => {
    const recipe = `steps:
  judge: { run: [cp, "{{ inputs.v }}", "{{ outputs.verdict }}"], inputs: { v: ./v.json }, outputs: { verdict: { path: v.json, kind: value } } }
`;
    await using rig = await ScheduleRig.create('overlap: skip', recipe, { 'v.json': '{}' });
    const health = async (hours: number): Promise<string> =>
      (JSON.parse((await rig.at(hours, 'list', '--json')).out) as { health: string }[])[0]?.health ?? '';
    for (const [hours, verdict, state, expected] of [
      [1, '{"verdict":"REJECTED"}', 'rejected', 'rejected'],
      [2, 'no JSON', 'failed', 'failed'],
      [3, '{"verdict":"VALIDATED"}', 'succeeded', 'ok'],
    ] as const) {
      await rig.cli.write('v.json', verdict);
      expect(await rig.serve(hours)).toEqual([`0${hours}:00 caught-up ${state}`]);
      expect(await health(hours)).toBe(expected);
    }
  });

  test('says when it ticks next', async () => {
    await using rig = await ScheduleRig.create('overlap: skip');
    expect((await rig.at(0, 'next', 'daily@prod', '-n', '2')).out).toBe(
      '2027-01-01 01:00:00 UTC  2027-01-01 01:00:00 UTC\n2027-01-01 02:00:00 UTC  2027-01-01 02:00:00 UTC\n',
    );
  });
});

test('a profile without a schedule and steps that read nothing from outside are refused', async () => {
  await using rig = await ScheduleRig.create('overlap: skip');
  await rig.cli.write('profiles/none.yaml', 'X: 1\n');
  expect((await rig.at(0, 'apply', 'daily', '-p', 'none')).err).toContain('SCHEDULE_MISSING');
  await rig.cli.write('profiles/prod.yaml', 'schedule: { every: 1h, only_if_changed: [train] }\n');
  expect((await rig.at(0, 'apply', 'daily', '-p', 'prod')).err).toContain('SCHEDULE_STEP_INVALID');
  expect((await rig.at(0, 'next', 'other')).err).toContain('SCHEDULE_NOT_FOUND');
});

test('serve ends in order at SIGTERM, and closes the tick whose run it stopped', async () => {
  await using rig = await CliRig.create({
    'recipe.yaml': 'steps:\n  a: { run: [bash, -c, "sleep 600"] }\n',
    'profiles/local.yaml': 'schedule: { every: 1s }\n',
  });
  expect((await rig.recipe('schedules', 'apply')).exit).toBe(0);
  const child = rig.start('schedules', 'serve', '--json');
  child.stdout.on('data', (chunk: Buffer) => {
    if (chunk.toString().includes('"running"')) child.kill('SIGTERM');
  });
  const { exitCode, stdout } = await child;
  expect(exitCode).toBe(130);
  expect(endsIn(stdout).map((line) => line.split(' ').at(-1))).toEqual(['interrupted']);
}, 60_000);

test('what a scheduler that was killed has left is closed by the next, and not run again', async () => {
  await using rig = await CliRig.create({
    'recipe.yaml': 'steps:\n  a: { run: [bash, -c, "sleep 600"] }\n',
    'profiles/local.yaml': 'schedule: { every: 1s }\n',
  });
  expect((await rig.recipe('schedules', 'apply')).exit).toBe(0);
  const child = rig.start('schedules', 'serve', '--json');
  // Once the run has its journal.
  const watch = (async () => {
    while (globSync(join(rig.dir, '.stockpot/runs/*/events-1.jsonl')).length === 0) await setImmediate();
    child.kill('SIGKILL');
  })();
  await Promise.all([child, watch]);
  const later = { dir: rig.dir, env: {}, now: Date.now() + 2 * 60_000 };
  const [{ name = '' } = {}] = JSON.parse(
    (await inProcessWith(later, 'schedules', 'list', '--json')).out,
  ) as { name?: string }[];
  await inProcessWith(later, 'schedules', 'pause', name);
  const { out } = await inProcessWith(later, 'schedules', 'serve', '--once', '--json');
  expect(endsIn(out).map((line) => line.split(' ').at(-1))).toEqual(['interrupted']);
  expect(globSync(join(rig.dir, '.stockpot/schedules/*'))).toEqual([]);
}, 60_000);
