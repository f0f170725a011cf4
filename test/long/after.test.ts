import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CliRig, type Outcome } from '../rigs/cli-rig.ts';
import { inProcessWith } from '../rigs/in-process.ts';
import { onPostgres } from '../rigs/on-postgres.ts';

const MINUTE = 60_000;
const T0 = Date.UTC(2027, 0, 1);

/** Copies its data, and says how many rows there are. */
const INGEST = `steps:
  split:
    run: [bash, -c, 'cp "$1" "$2" && echo "{\\"rows\\": $(wc -l < "$1")}" > "$3"', x, "{{ inputs.data }}", "{{ outputs.table }}", "{{ outputs.size }}"]
    inputs: { data: ./data.csv }
    outputs: { table: t.csv, size: { path: size.json, kind: value } }
`;
const TRAIN = `steps:
  fit: { run: [bash, -c, 'echo "$1" > "$2"', x, '{{ tick.at | default("never") }}', "{{ outputs.model }}"], outputs: { model: m } }
  look: { run: [cp, "{{ inputs.data }}", "{{ outputs.o }}"], inputs: { data: ./data.csv }, outputs: { o: o } }
`;

/** A recipe `train` that follows `ingest`, by a clock that only the test moves. */
class AfterRig implements AsyncDisposable {
  readonly cli: CliRig;

  private constructor(cli: CliRig) {
    this.cli = cli;
  }

  static async create(after = 'ingest', more = ''): Promise<AfterRig> {
    const rig = new AfterRig(
      await CliRig.create({
        'recipes/ingest/recipe.yaml': INGEST,
        'recipes/train/recipe.yaml': TRAIN,
        'data.csv': '1\n',
      }),
    );
    await rig.follow(after, more);
    const { exit, err } = await rig.at(0, 'schedules', 'apply', 'train', '-p', 'prod');
    if (exit !== 0) throw new Error(err);
    return rig;
  }

  async follow(after: string, more: string): Promise<void> {
    await this.cli.write('recipes/train/profiles/prod.yaml', `schedule: { after: ${after}${more} }\n`);
  }

  async at(minutes: number, ...argv: string[]): Promise<Outcome> {
    return inProcessWith({ dir: this.cli.dir, env: this.cli.env, now: T0 + minutes * MINUTE }, ...argv);
  }

  /** Runs `ingest` by hand. */
  async ingest(minutes: number, ...more: string[]): Promise<number | undefined> {
    return (await this.at(minutes, 'run', 'ingest', ...more)).exit;
  }

  /** `00:10 after succeeded` for each tick that a scheduler ends at this minute. */
  async serve(minutes: number): Promise<string[]> {
    return endsIn((await this.at(minutes, 'schedules', 'serve', '--once', '--json')).out);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cli[Symbol.asyncDispose]();
  }
}

function endsIn(out: string): string[] {
  return out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<'schedule' | 'tick' | 'cause' | 'state', string>)
    .filter(({ state }) => state !== 'running')
    .map(({ schedule, tick, cause, state }) => `${schedule} ${tick.slice(11, 16)} ${cause} ${state}`);
}

function withoutTime(line: string): string {
  return line.replace(/ \d\d:\d\d/, '');
}

describe('a schedule that follows another recipe', () => {
  test('runs once for each run of it that succeeded, by hand and cached too, with its end as tick.at', async () => {
    await using rig = await AfterRig.create();
    expect(await rig.serve(1)).toEqual([]);
    expect(await rig.ingest(2)).toBe(0);
    const both = await Promise.all([rig.serve(3), rig.serve(3)]);
    expect(both.flat()).toEqual(['train@prod 00:02 after succeeded']);
    expect(await rig.cli.read('.stockpot/latest/train/fit/model')).toBe('2027-01-01T00:02:00Z\n');
    expect(await rig.serve(3)).toEqual([]);
    expect(await rig.ingest(4)).toBe(0);
    expect(await rig.serve(4)).toEqual(['train@prod 00:04 after succeeded']);
  });

  test('does not run when it failed, when only a part of it ran, and for what ended before it was applied', async () => {
    await using rig = await AfterRig.create('ingest', ', window: 2d');
    expect(await rig.ingest(-1)).toBe(0);
    await rm(join(rig.cli.dir, 'data.csv'));
    expect(await rig.ingest(1)).toBe(2);
    await rig.cli.write('recipes/ingest/recipe.yaml', 'steps: { split: { run: [bash, -c, "exit 3"] } }\n');
    expect(await rig.ingest(2)).toBe(1);
    await rig.cli.write(
      'recipes/ingest/recipe.yaml',
      'steps: { a: { run: [echo] }, b: { run: [echo, b] } }\n',
    );
    expect(await rig.ingest(3, '--only', 'a')).toBe(0);
    expect(await rig.at(3, 'run', 'train')).toMatchObject({ exit: 2 });
    expect(await rig.serve(4)).toEqual([]);
    expect(await rig.ingest(5)).toBe(0);
    await rig.cli.write('data.csv', '1\n');
    expect(await rig.serve(5)).toEqual(['train@prod 00:05 after succeeded']);
  });

  test('a chain of schedules runs in order, the first by the clock', async () => {
    await using rig = await AfterRig.create();
    await rig.cli.write('recipes/a/recipe.yaml', 'steps: { a: { run: [echo] } }\n');
    await rig.cli.write('recipes/a/profiles/prod.yaml', 'schedule: { after: train }\n');
    await rig.cli.write('recipes/ingest/profiles/prod.yaml', 'schedule: { every: 10m }\n');
    for (const recipe of ['a', 'ingest'])
      expect((await rig.at(0, 'schedules', 'apply', recipe, '-p', 'prod')).exit).toBe(0);
    expect(await rig.serve(10)).toEqual([
      'ingest@prod 00:10 clock succeeded',
      'train@prod 00:10 after succeeded',
      'a@prod 00:10 after succeeded',
    ]);
    expect(await rig.serve(10)).toEqual([]);
  });

  test.each([
    { catchUp: 'none', runs: [] },
    { catchUp: 'one', runs: ['train@prod 00:20 caught-up succeeded'] },
    {
      catchUp: 'all',
      runs: ['train@prod 00:10 caught-up succeeded', 'train@prod 00:20 caught-up succeeded'],
    },
  ])(
    'catch_up: $catchUp says which of those run that no scheduler was there for',
    async ({ catchUp, runs }) => {
      await using rig = await AfterRig.create('ingest', `, catch_up: ${catchUp}`);
      for (const minutes of [10, 20]) expect(await rig.ingest(minutes)).toBe(0);
      expect(await rig.serve(60)).toEqual(runs);
      expect(await rig.serve(60)).toEqual([]);
      // Each has its tick, whatever became of it.
      const ticks = JSON.parse((await rig.at(60, 'schedules', 'list', 'train', '--json')).out) as {
        after?: string;
      }[];
      expect(new Set(ticks.map(({ after }) => after)).size).toBe(2);
    },
  );

  test('that is paused starts nothing, and does not run what fell into the pause', async () => {
    await using rig = await AfterRig.create('ingest', ', catch_up: all');
    expect((await rig.at(1, 'schedules', 'pause', 'train')).exit).toBe(0);
    await rig.ingest(2);
    expect(await rig.serve(2)).toEqual([]);
    expect((await rig.at(3, 'schedules', 'resume', 'train')).exit).toBe(0);
    expect(await rig.serve(3)).toEqual([]);
    await rig.ingest(4);
    expect(await rig.serve(4)).toEqual(['train@prod 00:04 after succeeded']);
  });

  test('with only_if_changed runs nothing while its own data is as it was', async () => {
    await using rig = await AfterRig.create('ingest', ', only_if_changed: [look]');
    await rig.ingest(1);
    expect(await rig.serve(1)).toEqual(['train@prod 00:01 after succeeded']);
    await rig.ingest(2);
    expect(await rig.serve(2)).toEqual(['train@prod 00:02 after unchanged']);
  });

  test('with an output starts when its value is another one than last time', async () => {
    await using rig = await AfterRig.create('{ recipe: ingest, output: split.size.rows }');
    const found: string[] = [];
    for (const [minutes, data] of ['1\n', '2\n', '1\n2\n', '2\n1\n', '1\n'].entries()) {
      await rig.cli.write('data.csv', data);
      await rig.ingest(minutes + 1);
      found.push(...(await rig.serve(minutes + 1)));
    }
    expect(found).toEqual([1, 3, 5].map((minute) => `train@prod 00:0${minute} after succeeded`));
  });

  test.each([
    '{ recipe: ingest, output: split.size.rows, equals: 2 }',
    '{ recipe: ingest, output: split.size, equals: { rows: 2 } }',
  ])('%s starts with this value alone', async (after) => {
    await using rig = await AfterRig.create(after);
    await rig.ingest(1);
    expect(await rig.serve(1)).toEqual([]);
    await rig.cli.write('data.csv', '1\n2\n');
    await rig.ingest(2);
    await rig.ingest(3);
    // Both are on time: the second waits for the first.
    expect(await rig.serve(3)).toEqual([2, 3].map((minute) => `train@prod 00:0${minute} after succeeded`));
  });

  test('a value that is not there starts nothing, and a warning says so', async () => {
    await using rig = await AfterRig.create('{ recipe: ingest, output: split.size.row }');
    await rig.ingest(1);
    const { out, err, exit } = await rig.at(1, 'schedules', 'serve', '--once');
    expect([out, exit]).toEqual(['', 0]);
    expect(err).toMatch(
      /^warning: train@prod follows ingest, whose run [\w-]+ starts nothing: there is no split\.size\.row\n$/,
    );
  });

  test('runs once for a run that was submitted, when a driver has ended it', async () => {
    await using rig = await AfterRig.create('{ recipe: ingest, output: split.size.rows, equals: 1 }');
    for (const more of [[], ['--only', 'split']])
      expect((await rig.at(1, 'run', 'ingest', '--submit', ...more)).exit).toBe(0);
    expect(await rig.serve(1)).toEqual([]);
    expect((await rig.at(2, 'worker', '--drive', '1', '--once')).exit).toBe(0);
    expect(await rig.serve(2)).toEqual(['train@prod 00:02 after succeeded']);
    expect(await rig.serve(2)).toEqual([]);
  });

  test('backfill runs for what ended before the schedule was applied, once; --force again', async () => {
    await using rig = await AfterRig.create();
    for (const minutes of [-30, -20]) await rig.ingest(minutes);
    const range = ['--from', '2026-12-31T23:35Z', '--to', '2027-01-01T00:00Z', '--json'];
    const backfill = async (...more: string[]): Promise<string[]> =>
      endsIn((await rig.at(1, 'schedules', 'backfill', 'train', ...range, ...more)).out);
    expect(await backfill()).toEqual(['train@prod 23:40 backfill succeeded']);
    expect(await backfill()).toEqual([]);
    expect(await backfill('--force')).toEqual(['train@prod 23:40 backfill succeeded']);
  });

  test('says what it follows instead of a time', async () => {
    await using rig = await AfterRig.create('ingest');
    expect((await rig.at(0, 'schedules', 'next', 'train')).out).toBe('after ingest\n');
    expect((await rig.at(0, 'schedules', 'next', 'train', '--json')).out).toBe('[]\n');
    await rig.follow('{ recipe: ingest, output: split.size.rows, equals: 2 }', '');
    expect((await rig.at(0, 'schedules', 'apply', 'train', '-p', 'prod')).out).toBe(
      'train@prod applied: after ingest when split.size.rows is 2\n',
    );
    await rig.follow('{ recipe: ingest, output: split.size.rows }', '');
    await rig.at(0, 'schedules', 'apply', 'train', '-p', 'prod');
    expect((await rig.at(0, 'schedules', 'list')).out).toContain('after ingest when split.size.rows changes');
    expect(JSON.parse((await rig.at(0, 'schedules', 'list', '--json')).out)).toMatchObject([
      { name: 'train@prod', next: null, after: 'after ingest when split.size.rows changes' },
    ]);
  });
});

describe('apply refuses', () => {
  test('schedules that would start each other without end, and shows how', async () => {
    await using rig = await AfterRig.create();
    await rig.cli.write('recipes/ingest/profiles/prod.yaml', 'schedule: { after: train }\n');
    const { exit, err } = await rig.at(0, 'schedules', 'apply', 'ingest', '-p', 'prod');
    expect([exit, err]).toEqual([2, expect.stringContaining('ingest follows train follows ingest')]);
    await rig.follow('train', '');
    const itself = await rig.at(0, 'schedules', 'apply', 'train', '-p', 'prod');
    expect([itself.exit, itself.err]).toEqual([2, expect.stringContaining('train follows train')]);
    // What was in force still is.
    await rig.ingest(1);
    expect(await rig.serve(1)).toEqual(['train@prod 00:01 after succeeded']);
  });

  test('an output that the recipe does not have, or that is no value', async () => {
    await using rig = await AfterRig.create();
    for (const output of ['split.sizes', 'split.table', 'other.size']) {
      await rig.follow(`{ recipe: ingest, output: ${output} }`, '');
      const { exit, err } = await rig.at(0, 'schedules', 'apply', 'train', '-p', 'prod');
      expect([exit, err]).toEqual([
        2,
        expect.stringContaining(`schedule.after names ${output}, which is no`),
      ]);
      expect(err).toContain('Choose one of split.size.');
    }
  });
});

onPostgres((postgres) => {
  test('schedulers with homes of their own make one run of each end, each of what ended in its home', async () => {
    await using rig = await CliRig.create({
      'recipes/ingest/recipe.yaml': 'steps: { a: { run: [echo] } }\n',
      'recipes/train/recipe.yaml': 'steps: { a: { run: [echo] } }\n',
      'recipes/train/profiles/prod.yaml': 'schedule: { after: ingest, overlap: allow }\n',
    });
    const at = async (home: string, ...argv: string[]): Promise<string> => {
      const env = {
        STOCKPOT_DATABASE_URL: postgres().url,
        STOCKPOT_CACHE: join(rig.dir, 'cache'),
        STOCKPOT_HOME: join(rig.dir, home),
      };
      const { out, err, exit } = await inProcessWith({ dir: rig.dir, env }, ...argv);
      if (exit !== 0) throw new Error(err);
      return out;
    };
    await at('one', 'schedules', 'apply', 'train', '-p', 'prod');
    for (const home of ['one', 'two']) await at(home, 'run', 'ingest');
    const serve = async (home: string): Promise<string[]> =>
      endsIn(await at(home, 'schedules', 'serve', '--once', '--json'));
    const all = await Promise.all(['one', 'two', 'one', 'two'].map(serve));
    expect(all.flat().map(withoutTime)).toEqual(['train@prod after succeeded', 'train@prod after succeeded']);
  }, 60_000);

  test('a run that was submitted, and driven in another home, is seen by every scheduler, and started once', async () => {
    await using rig = await CliRig.create({
      'recipes/ingest/recipe.yaml': INGEST,
      'recipes/train/recipe.yaml': 'steps: { a: { run: [echo] } }\n',
      'recipes/train/profiles/prod.yaml':
        'schedule: { after: { recipe: ingest, output: split.size.rows, equals: 1 } }\n',
      'data.csv': '1\n',
    });
    const at = async (home: string, ...argv: string[]): Promise<string> => {
      const env = {
        STOCKPOT_DATABASE_URL: postgres().url,
        STOCKPOT_CACHE: join(rig.dir, 'cache'),
        STOCKPOT_HOME: join(rig.dir, home),
      };
      const { out, err, exit } = await inProcessWith({ dir: rig.dir, env }, ...argv);
      if (exit !== 0) throw new Error(err);
      return out;
    };
    await at('one', 'schedules', 'apply', 'train', '-p', 'prod');
    await at('two', 'run', 'ingest', '--submit');
    await at('two', 'worker', '--drive', '1', '--once');
    const serve = async (home: string): Promise<string[]> =>
      endsIn(await at(home, 'schedules', 'serve', '--once', '--json'));
    const all = await Promise.all(['one', 'three'].map(serve));
    expect(all.flat().map(withoutTime)).toEqual(['train@prod after succeeded']);
  }, 60_000);

  test('a run of another project, driven in the home of this one, is none of its recipe', async () => {
    const ingest = { 'recipes/ingest/recipe.yaml': 'steps: { a: { run: [echo] } }\n' };
    await using other = await CliRig.create(ingest);
    await using rig = await CliRig.create({
      ...ingest,
      'recipes/train/recipe.yaml': 'steps: { a: { run: [echo] } }\n',
      'recipes/train/profiles/prod.yaml': 'schedule: { after: ingest }\n',
    });
    const at = async (dir: string, ...argv: string[]): Promise<string> => {
      const env = { STOCKPOT_DATABASE_URL: postgres().url, STOCKPOT_CACHE: join(rig.dir, 'cache') };
      const { out, err, exit } = await inProcessWith({ dir, env }, ...argv);
      if (exit !== 0) throw new Error(err);
      return out;
    };
    await at(rig.dir, 'schedules', 'apply', 'train', '-p', 'prod');
    const { run } = JSON.parse(await at(other.dir, 'run', 'ingest', '--submit', '--json')) as { run: string };
    await at(rig.dir, 'worker', '--drive', '1', '--once');
    expect(await rig.read(`.stockpot/runs/${run}/events-1.jsonl`)).toContain('"recipe":"ingest"');
    expect(await at(rig.dir, 'schedules', 'serve', '--once', '--json')).toBe('');
  }, 60_000);
});
