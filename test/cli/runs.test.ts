import { mkdir } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import type { Digest } from '../../src/core/ids.ts';
import type { TrackedRunWrite } from '../../src/engine/tracking-port.ts';
import { openDatabase } from '../../src/tracking/open-database.ts';
import { SqlRegistry } from '../../src/tracking/sql-registry.ts';
import { SqlTracking } from '../../src/tracking/sql-tracking.ts';
import { CliRig } from '../rigs/cli-rig.ts';

const at = Date.UTC(2026, 0, 2, 3, 4, 5);
const metric = (key: string, value: number, step = 0): NonNullable<TrackedRunWrite['metrics']>[number] => ({
  key,
  value,
  step,
  timestamp: at + step,
});

const RUNS: readonly TrackedRunWrite[] = [
  {
    id: 'a1'.repeat(16),
    name: 'delay 20260102-a',
    startTime: at,
    status: 'FINISHED',
    endTime: at + 1500,
    params: [
      { key: 'train.learning_rate', value: '0.1' },
      { key: 'train.using', value: 'gbdt' },
    ],
    metrics: [metric('loss', 0.9, 1), metric('loss', 0.5, 2), metric('test_roc_auc', 0.61)],
    tags: [{ key: 'stockpot.verdict', value: 'REJECTED' }],
    datasets: [
      { name: 'split.test', digest: 'd'.repeat(36), sourceType: 'step', source: '{}', context: 'test' },
    ],
    artifacts: [{ path: 'steps.json', digest: 'e'.repeat(64) as Digest, size: 2, kind: 'file' }],
  },
  {
    id: 'a2'.repeat(16),
    name: 'delay 20260102-b',
    startTime: at + 1000,
    status: 'FAILED',
    endTime: at + 3000,
    params: [
      { key: 'train.learning_rate', value: '0.05' },
      { key: 'train.using', value: 'gbdt' },
    ],
    metrics: [metric('test_roc_auc', 0.68), metric('odd', Number.NaN), metric('large', Infinity)],
    tags: [{ key: 'stockpot.verdict', value: 'VALIDATED' }],
  },
  { id: 'b1'.repeat(16), name: 'other 20260102-c', startTime: at + 2000 },
  {
    id: 'c1'.repeat(16),
    name: 'train',
    parent: 'a1'.repeat(16),
    startTime: at,
    status: 'FINISHED',
    endTime: at + 700,
  },
];

/** A project whose database holds these runs. */
async function projectWith(runs: readonly TrackedRunWrite[]): Promise<CliRig> {
  const rig = await CliRig.create({ 'recipe.yaml': 'steps:\n  a: { run: "true" }\n' });
  await mkdir(`${rig.dir}/.stockpot`);
  await using database = await openDatabase(`${rig.dir}/.stockpot`, undefined);
  await new SqlTracking(database, () => at).write({ experiment: 'demo/delay', runs });
  return rig;
}

describe('runs list', () => {
  test('shows whole runs, the newest first', async () => {
    await using rig = await projectWith(RUNS);
    expect((await rig.recipe('runs', 'list')).out).toMatchInlineSnapshot(`
      "id        name              status    started (UTC)        took   test_roc_auc  stockpot.verdict
      b1b1b1b1  other 20260102-c  RUNNING   2026-01-02 03:04:07
      a2a2a2a2  delay 20260102-b  FAILED    2026-01-02 03:04:06  2.0 s          0.68  VALIDATED
      a1a1a1a1  delay 20260102-a  FINISHED  2026-01-02 03:04:05  1.5 s          0.61  REJECTED
      "
    `);
    expect(
      (await rig.recipe('runs', 'list', '--steps', '--limit', '1', '--sort', 'run_id DESC')).out,
    ).toMatchInlineSnapshot(`
      "id        name   status    started (UTC)        took
      c1c1c1c1  train  FINISHED  2026-01-02 03:04:05  700 ms
      "
    `);
  });

  test('of nothing is nothing', async () => {
    await using fresh = await CliRig.create({ 'recipe.yaml': 'steps:\n  a: { run: "true" }\n' });
    expect(await fresh.recipe('runs', 'list')).toMatchObject({ exit: 0, out: 'no runs\n' });
    await using rig = await projectWith([]);
    expect(await rig.recipe('runs', 'list', '--columns', 'metrics.any')).toMatchObject({
      exit: 0,
      out: 'no runs\n',
    });
    expect(await rig.recipe('runs', 'list', '--json')).toMatchObject({ exit: 0, out: '[]\n' });
  });

  test('takes filters, orders and columns', async () => {
    await using rig = await projectWith(RUNS);
    const table = [
      [['--where', 'metrics.test_roc_auc > 0.65'], 'a2'],
      [['--where', "params.train.using = 'gbdt' AND status = 'FINISHED'"], 'a1'],
      [['--where', "tags.stockpot.verdict IN ('REJECTED')"], 'a1'],
      [['--where', "run_name LIKE 'other%'"], 'b1'],
      [['--where', "status = 'RUNNING'", '--steps'], 'b1'],
      [['--where', "run_name = 'train'"], ''],
      [['--where', "run_name = 'train'", '--steps'], 'c1'],
      [['--sort', 'metrics.test_roc_auc DESC'], 'a2 a1 b1'],
      [['--sort', 'metrics.test_roc_auc'], 'a1 a2 b1'],
      [['--sort', 'params.train.using DESC, start_time ASC'], 'a1 a2 b1'],
      [['--sort', 'run_name DESC', '--limit', '2'], 'b1 a2'],
    ] as const;
    for (const [args, ids] of table) {
      const { out } = await rig.recipe('runs', 'list', '--json', ...args);
      const found = (JSON.parse(out) as { id: string }[]).map(({ id }) => id.slice(0, 2));
      expect([args, found.join(' ')]).toEqual([args, ids]);
    }
    const columns = 'params.train.learning_rate,metrics.odd, metrics.`loss`,tags.stockpot.verdict,experiment';
    expect((await rig.recipe('runs', 'list', '--columns', columns)).out).toMatchInlineSnapshot(`
      "id        name              status    started (UTC)        took   train.learning_rate  odd  loss  stockpot.verdict  experiment
      b1b1b1b1  other 20260102-c  RUNNING   2026-01-02 03:04:07                                                           demo/delay
      a2a2a2a2  delay 20260102-b  FAILED    2026-01-02 03:04:06  2.0 s                 0.05  NaN        VALIDATED         demo/delay
      a1a1a1a1  delay 20260102-a  FINISHED  2026-01-02 03:04:05  1.5 s                  0.1        0.5  REJECTED          demo/delay
      "
    `);
  });

  test('refuses what it does not understand, and says where', async () => {
    await using rig = await projectWith(RUNS);
    const table = [
      [['--where', 'metrcs.auc > 1'], 'FILTER_INVALID', 'at column 1 of metrcs.auc > 1'],
      [['--where', 'metrics.auc >'], 'FILTER_INVALID', 'at column 14 of metrics.auc >: a number'],
      [['--where', 'metrics.auc > 1 OR status = 1'], 'FILTER_INVALID', 'at column 17'],
      [['--where', "statu = 'FAILED'"], 'FILTER_INVALID', 'did you mean status?'],
      [['--where', "metrics.auc LIKE 'x'"], 'FILTER_INVALID', 'LIKE does not go with numbers'],
      [['--where', 'status = FAILED'], 'FILTER_INVALID', 'at column 10 of status = FAILED: a text in quotes'],
      [['--where', ''], 'FILTER_INVALID', 'at column 1'],
      [['--sort', 'metrics.auc DOWN'], 'FILTER_INVALID', 'at column 13'],
      [['--sort', 'start_time, start_time DESC'], 'FILTER_INVALID', 'start_time is there twice'],
      [['--sort', 'strat_time'], 'FILTER_INVALID', 'did you mean start_time?'],
      [['--columns', 'metrics.test_roc_auk'], 'COLUMN_UNKNOWN', 'No tracked run has metrics.test_roc_auk'],
      [['--columns', 'params.nothing'], 'COLUMN_UNKNOWN', 'params.nothing'],
      [['--columns', ''], 'COLUMN_UNKNOWN', 'No tracked run has '],
      [['--limit', '0'], 'USAGE', '--limit'],
      [['--limit', '50001'], 'USAGE', '--limit'],
      [['--limit', 'many'], 'USAGE', '--limit'],
    ] as const;
    for (const [args, code, message] of table) {
      const { exit, out, err } = await rig.recipe('runs', 'list', '--json', ...args);
      const error = JSON.parse(err) as { code: string; message: string };
      expect([args, exit, out, error.code]).toEqual([args, 2, '', code]);
      expect(error.message).toContain(message);
    }
    const { err } = await rig.recipe('runs', 'list', '--columns', 'metrics.test_roc_auk');
    expect(err).toMatchInlineSnapshot(`
      "error: No tracked run has metrics.test_roc_auk [COLUMN_UNKNOWN]
        Did you mean metrics.test_roc_auc?
      "
    `);
  });
});

describe('runs show', () => {
  test('shows all of a run', async () => {
    await using rig = await projectWith(RUNS);
    expect((await rig.recipe('runs', 'show', '20260102-a')).out).toMatchInlineSnapshot(`
      "delay 20260102-a
      id a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1 · demo/delay · FINISHED

      metric        value
      loss            0.5
      test_roc_auc   0.61

      parameter            value
      train.learning_rate  0.1
      train.using          gbdt

      tag               value
      mlflow.runName    delay 20260102-a
      stockpot.verdict  REJECTED

      data set    context  digest
      split.test  test     dddddddddddd

      artifact    kind  digest
      steps.json  file  eeeeeeeeeeee

      step   status    id
      train  FINISHED  c1c1c1c1

      "
    `);
  });

  test('as JSON has the history; numbers that JSON lacks are texts', async () => {
    await using rig = await projectWith(RUNS);
    const { out } = await rig.recipe('runs', 'show', 'a1a1', '--json');
    expect(JSON.parse(out)).toMatchObject({
      id: 'a1'.repeat(16),
      experiment: 'demo/delay',
      children: [{ name: 'train', status: 'FINISHED' }],
      history: {
        loss: [
          { step: 1, timestamp: at + 1, value: 0.9 },
          { step: 2, timestamp: at + 2, value: 0.5 },
        ],
      },
    });
    const other = await rig.recipe('runs', 'show', 'a2a2', '--json');
    expect(JSON.parse(other.out)).toMatchObject({
      metrics: { odd: 'NaN', large: 1.797_693_134_862_315_7e308 },
      history: { odd: [{ value: 'NaN' }] },
    });
  });

  test.each([
    ['zz', 'TRACKED_RUN_NOT_FOUND', 'zz'],
    ['a', 'TRACKED_RUN_AMBIGUOUS', 'a1a1a1a1, a2a2a2a2'],
    ['%', 'TRACKED_RUN_NOT_FOUND', '%'],
    ['', 'TRACKED_RUN_NOT_FOUND', ''],
  ])('of %j: %s', async (id, code, names) => {
    await using rig = await projectWith(RUNS);
    for (const args of [
      ['show', id],
      ['compare', 'b1', id],
      ['compare', id, 'b1'],
    ]) {
      const { exit, err } = await rig.recipe('runs', ...args, '--json');
      expect([exit, (JSON.parse(err) as { code: string }).code]).toEqual([2, code]);
      expect(err).toContain(names);
    }
  });
});

describe('runs compare', () => {
  test('shows parameters that differ, and metrics side by side', async () => {
    await using rig = await projectWith(RUNS);
    expect((await rig.recipe('runs', 'compare', 'a1', 'a2')).out).toMatchInlineSnapshot(`
      "parameter            delay 20260102-a  delay 20260102-b
      train.learning_rate               0.1              0.05

      metric        delay 20260102-a  delay 20260102-b  change
      large                           1.7977e+308
      loss                       0.5
      odd                             NaN
      test_roc_auc              0.61  0.68                0.07
      "
    `);
    expect((await rig.recipe('runs', 'compare', 'a1', 'a1')).out).toContain('the same parameters\n');
  });

  test('as JSON', async () => {
    await using rig = await projectWith(RUNS);
    const { out } = await rig.recipe('runs', 'compare', 'a1', 'a2', '--json');
    expect(JSON.parse(out)).toEqual({
      a: 'a1'.repeat(16),
      b: 'a2'.repeat(16),
      params: [{ key: 'train.learning_rate', a: '0.1', b: '0.05' }],
      metrics: [
        { key: 'large', a: null, b: Number.MAX_VALUE },
        { key: 'loss', a: 0.5, b: null },
        { key: 'odd', a: null, b: 'NaN' },
        { key: 'test_roc_auc', a: 0.61, b: 0.68 },
      ],
    });
  });
});

describe('models list and show', () => {
  async function withModels(): Promise<CliRig> {
    const rig = await projectWith([]);
    await using database = await openDatabase(`${rig.dir}/.stockpot`, undefined);
    const registry = new SqlRegistry(database, {
      now: () => at,
      actor: 'ada',
      pins: { keep: async () => {} },
    });
    for (const letter of ['a', 'b'])
      await registry.register({
        name: 'delay',
        modelDigest: letter.repeat(64) as Digest,
        modelSize: 1,
        runId: 'a1'.repeat(16),
        tags: { 'stockpot.verdict': 'VALIDATED' },
      });
    await registry.moveAlias({ name: 'delay', alias: 'champion', version: '1', expected: undefined });
    await registry.moveAlias({ name: 'delay', alias: 'challenger', version: '2', expected: undefined });
    return rig;
  }

  test('show versions, aliases, verdicts, and what was done', async () => {
    await using rig = await withModels();
    expect((await rig.recipe('models', 'list')).out).toMatchInlineSnapshot(`
      "model  newest  aliases
      delay       2  challenger → 2, champion → 1
      "
    `);
    expect((await rig.recipe('models', 'show', 'delay')).out).toMatchInlineSnapshot(`
      "version  aliases     verdict    registered (UTC)     digest        run
            2  challenger  VALIDATED  2026-01-02 03:04:05  bbbbbbbbbbbb  a1a1a1a1
            1  champion    VALIDATED  2026-01-02 03:04:05  aaaaaaaaaaaa  a1a1a1a1

      when (UTC)           who  what              before  after
      2026-01-02 03:04:05  ada  create
      2026-01-02 03:04:05  ada  register                      1
      2026-01-02 03:04:05  ada  register                      2
      2026-01-02 03:04:05  ada  alias champion                1
      2026-01-02 03:04:05  ada  alias challenger              2
      "
    `);
  });

  test('as JSON', async () => {
    await using rig = await withModels();
    const list = await rig.recipe('models', 'list', '--json');
    expect(JSON.parse(list.out)).toMatchObject([
      { name: 'delay', versions: [{ version: '2', aliases: ['challenger'] }, { version: '1' }] },
    ]);
    const show = await rig.recipe('models', 'show', 'delay', '--json');
    expect(JSON.parse(show.out)).toMatchObject({
      name: 'delay',
      versions: [{ version: '2', modelDigest: 'b'.repeat(64) }, { version: '1' }],
      history: [
        { action: 'create', before: null, after: null },
        { action: 'register', before: null, after: '1', actor: 'ada', at },
        { action: 'register', before: null, after: '2' },
        { action: 'alias champion', before: null, after: '1' },
        { action: 'alias challenger', before: null, after: '2' },
      ],
    });
  });

  test('of nothing', async () => {
    await using rig = await withModels();
    const { exit, err } = await rig.recipe('models', 'show', 'dealy');
    expect([exit, err]).toMatchInlineSnapshot(`
      [
        2,
        "error: There is no registered model dealy [MODEL_NOT_FOUND]
        Did you mean delay?
      ",
      ]
    `);
    await using empty = await projectWith([]);
    expect(await empty.recipe('models', 'list')).toMatchObject({ exit: 0, out: 'no registered models\n' });
    expect(await empty.recipe('models', 'list', '--json')).toMatchObject({ exit: 0, out: '[]\n' });
  });
});
