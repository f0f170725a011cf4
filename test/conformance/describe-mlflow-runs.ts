import { describe, expect, test } from 'vitest';
import type { Sql } from '../../src/db/sql.ts';
import { moveExperiment } from '../../src/tracking/mlflow/experiments.ts';
import { type Batch, deleteTag, logInputs, logMetric } from '../../src/tracking/mlflow/log.ts';
import type { DatasetInput } from '../../src/tracking/mlflow/messages.ts';
import {
  metricHistories,
  type RunMetric,
  sampledHistories,
} from '../../src/tracking/mlflow/metric-histories.ts';
import { historyPage, pointsOf } from '../../src/tracking/mlflow/metric-history.ts';
import { createRun, moveRun, updateRun } from '../../src/tracking/mlflow/runs.ts';
import { searchDatasets } from '../../src/tracking/mlflow/search-datasets.ts';
import { log, newExperiment, newRun, type OpenStore, outcome, points, ROOT, read } from './mlflow-store.ts';

export function describeRuns(name: string, open: () => Promise<OpenStore>): void {
  const latest = async ({ database }: OpenStore): Promise<string[]> =>
    (await read(database, 'r')).data.metrics.map(
      ({ key, value, step, timestamp }) => `${key}=${value}@${step}/${timestamp}`,
    );
  const history = async ({ database }: OpenStore, key = 'm'): Promise<string[]> => {
    const options = { maxResults: undefined, pageToken: undefined };
    const { metrics } = await database.read((sql) => historyPage(sql, 'r', key, options));
    return pointsOf(metrics).map(({ value, step, timestamp }) => `${value}@${step}/${timestamp}`);
  };

  describe(`${name}: runs`, () => {
    test('a run is read as it was made', async () => {
      await using store = await open();
      await newRun(store.database, 'r', {
        name: 'mine',
        tags: [{ key: 'k', value: 'v' }],
        startTime: 2 ** 50,
      });
      expect(await read(store.database, 'r')).toEqual({
        info: {
          run_id: 'r',
          run_uuid: 'r',
          run_name: 'mine',
          experiment_id: '0',
          user_id: 'me',
          status: 'RUNNING',
          start_time: 2 ** 50,
          artifact_uri: 'mlflow-artifacts:/0/r/artifacts',
          lifecycle_stage: 'active',
        },
        data: {
          metrics: [],
          params: [],
          tags: [
            { key: 'k', value: 'v' },
            { key: 'mlflow.runName', value: 'mine' },
          ],
        },
        inputs: { dataset_inputs: [] },
      });
      expect(await outcome(read(store.database, 'other'))).toBe('RESOURCE_DOES_NOT_EXIST');
      expect(await outcome(read(store.database, '../r'))).toBe('RESOURCE_DOES_NOT_EXIST');
    });

    test('a name and its tag are one thing', async () => {
      await using store = await open();
      const { database } = store;
      const tags = [{ key: 'mlflow.runName', value: 'tagged' }];
      await newRun(database, 'r', { tags });
      expect((await read(database, 'r')).info.run_name).toBe('tagged');
      expect(await outcome(newRun(database, 's', { name: 'another', tags }))).toBe('INVALID_PARAMETER_VALUE');
      const change = { status: 'FINISHED', endTime: 9, name: 'new' } as const;
      await database.write((sql) => updateRun(sql, 'r', change, ROOT));
      await log(database, 'r', {});
      expect(await read(database, 'r')).toMatchObject({
        info: { run_name: 'new', status: 'FINISHED', end_time: 9 },
        data: { tags: [{ key: 'mlflow.runName', value: 'new' }] },
      });
      await log(database, 'r', { tags: [{ key: 'mlflow.runName', value: 'newest' }] });
      expect((await read(database, 'r')).info.run_name).toBe('newest');
    });

    test('a deleted run refuses writes until it is restored', async () => {
      await using store = await open();
      const { database } = store;
      await newRun(database, 'r', { tags: [{ key: 'k', value: 'v' }] });
      await database.write((sql) => moveRun(sql, 'r', 'deleted', 5));
      expect((await read(database, 'r')).info.lifecycle_stage).toBe('deleted');
      const none = { status: undefined, endTime: undefined, name: undefined };
      for (const write of [
        () => log(database, 'r', points(['m', 1])),
        () => database.write((sql) => updateRun(sql, 'r', none, ROOT)),
        () => database.write((sql) => deleteTag(sql, 'r', 'k')),
        () => database.write((sql) => logInputs(sql, 'r', [])),
      ])
        expect(await outcome(write())).toBe('INVALID_PARAMETER_VALUE');
      await database.write((sql) => moveRun(sql, 'r', 'active', 6));
      await log(database, 'r', points(['m', 1]));
      expect(await outcome(database.write((sql) => moveRun(sql, 'x', 'deleted', 5)))).toBe(
        'RESOURCE_DOES_NOT_EXIST',
      );
    });

    test('what is done at once is refused as a whole', async () => {
      await using store = await open();
      const { database } = store;
      await newRun(database, 'r');
      await log(database, 'r', points(['m', 1, 1]));
      const before = await read(database, 'r');
      const [experiment, deleted] = [await newExperiment(database, 'e'), await newExperiment(database, 'd')];
      await database.write((sql) => moveExperiment(sql, deleted, 'deleted', 5));
      await database.write((sql) => moveRun(sql, 'r', 'deleted', 5));
      const metric = { key: 'm', value: 2, step: 2, timestamp: 2 };
      const change = { status: 'FAILED', endTime: 9, name: undefined } as const;
      const run = { fallbackName: 'n', name: undefined, user: 'me', startTime: 1, tags: [] };
      const outcomes: unknown[] = [];
      for (const work of [
        (sql: Sql) => logMetric(sql, 'r', metric),
        (sql: Sql) => logMetric(sql, 'absent', metric),
        (sql: Sql) => updateRun(sql, 'r', change, ROOT),
        (sql: Sql) => updateRun(sql, 'absent', change, ROOT),
        (sql: Sql) => createRun(sql, { ...run, id: 'new', experimentId: deleted }, ROOT),
        (sql: Sql) => createRun(sql, { ...run, id: 'new', experimentId: '77' }, ROOT),
        (sql: Sql) => createRun(sql, { ...run, id: 'new', experimentId: 'none' }, ROOT),
      ])
        outcomes.push(await outcome(database.write<unknown>(work, 'at-once')));
      const [invalid, missing] = ['INVALID_PARAMETER_VALUE', 'RESOURCE_DOES_NOT_EXIST'];
      expect(outcomes).toEqual([invalid, missing, invalid, missing, invalid, missing, missing]);
      await database.write((sql) => moveRun(sql, 'r', 'active', 6));
      expect(await read(database, 'r')).toEqual(before);
      expect(await outcome(read(database, 'new'))).toBe(missing);
      const made = await database.write(
        (sql) => createRun(sql, { ...run, id: 'new', experimentId: experiment }, ROOT),
        'at-once',
      );
      expect(made).toEqual(await read(database, 'new'));
    });

    test('a parameter keeps its first value', async () => {
      await using store = await open();
      const { database } = store;
      await newRun(database, 'r');
      await log(database, 'r', { params: [{ key: 'lr', value: '0.1' }] });
      await log(database, 'r', { params: [{ key: 'lr', value: '0.1' }] });
      const other = [
        { key: 'new', value: '' },
        { key: 'lr', value: '0.2' },
      ];
      expect(await outcome(log(database, 'r', { params: other }))).toBe('INVALID_PARAMETER_VALUE');
      const twice = [
        { key: 'b', value: '1' },
        { key: 'b', value: '2' },
      ];
      expect(await outcome(log(database, 'r', { params: twice }))).toBe('INVALID_PARAMETER_VALUE');
      expect((await read(database, 'r')).data.params).toEqual([{ key: 'lr', value: '0.1' }]);
    });

    test('the latest point of a metric is that of the highest step, then time, then value', async () => {
      await using store = await open();
      await newRun(store.database, 'r');
      await log(
        store.database,
        'r',
        points(['m', 1, 5, 1], ['m', 9, 4, 100], ['a', 1, 1, 1], ['a', 3, 1, 1]),
      );
      expect(await latest(store)).toEqual(['a=3@1/1', 'm=1@5/1']);
      await log(store.database, 'r', points(['m', 0, 5, 0], ['a', 2, 1, 1]));
      expect(await latest(store)).toEqual(['a=3@1/1', 'm=1@5/1']);
      await log(store.database, 'r', points(['m', -1, 5, 2], ['a', 0, -1, 9]));
      expect(await latest(store)).toEqual(['a=3@1/1', 'm=-1@5/2']);
      expect(await history(store)).toEqual(['9@4/100', '0@5/0', '1@5/1', '-1@5/2']);
    });

    test('equal points are one', async () => {
      await using store = await open();
      await newRun(store.database, 'r');
      await log(
        store.database,
        'r',
        points(['m', 1], ['m', 1], ['m', Number.NaN], ['m', Number.NaN], ['m', 0]),
      );
      await log(store.database, 'r', points(['m', 1], ['m', Number.NaN]));
      expect((await history(store)).toSorted()).toEqual(['0@0/0', '1@0/0', 'NaN@0/0']);
    });

    test('NaN stays, infinities are the largest number, the smallest survives', async () => {
      await using store = await open();
      await newRun(store.database, 'r');
      await log(
        store.database,
        'r',
        points(['a', Number.NaN], ['b', Infinity], ['c', -Infinity], ['d', 5e-324], ['e', 0.1 + 0.2]),
      );
      const { metrics } = (await read(store.database, 'r')).data;
      expect(metrics.map(({ value }) => value)).toEqual([
        Number.NaN,
        Number.MAX_VALUE,
        -Number.MAX_VALUE,
        5e-324,
        0.1 + 0.2,
      ]);
    });

    test('steps and times go to 2^53, steps below zero too', async () => {
      await using store = await open();
      const { database } = store;
      await newRun(database, 'r');
      const most = Number.MAX_SAFE_INTEGER;
      await log(database, 'r', points(['m', 1, -most, most], ['m', 2, most, 0]));
      expect(await history(store)).toEqual([`1@${-most}/${most}`, `2@${most}/0`]);
      for (const [step, time] of [
        [most + 1, 0],
        [0.5, 0],
        [0, -1],
        [0, most + 1],
      ] as const)
        expect(await outcome(log(database, 'r', points(['m', 1, step, time])))).toBe(
          'INVALID_PARAMETER_VALUE',
        );
    });

    test('the history of a metric goes through pages', async () => {
      await using store = await open();
      const { database } = store;
      await newRun(database, 'r');
      await log(database, 'r', points(...Array.from({ length: 10 }, (_, n) => ['m', n, 9 - n] as const)));
      const pages: number[][] = [];
      let pageToken: string | undefined;
      do {
        const page = await database.read((sql) => historyPage(sql, 'r', 'm', { maxResults: 4, pageToken }));
        pages.push(pointsOf(page.metrics).map(({ value }) => value));
        pageToken = page.next_page_token;
      } while (pageToken !== undefined);
      expect(pages).toEqual([
        [9, 8, 7, 6],
        [5, 4, 3, 2],
        [1, 0],
      ]);
    });

    test('the histories of several runs are read at once, whole and in part', async () => {
      await using store = await open();
      const { database } = store;
      for (const run of ['a', 'b']) {
        await newRun(database, run);
        await log(database, run, points(...[0, 1, 2, 3].map((step) => ['m', step, step, 9 - step] as const)));
      }
      const shown = (points: readonly RunMetric[]): string =>
        points.map(({ run_id, step, value }) => `${run_id}${step}=${value}`).join(' ');
      const { whole, sample, part } = await database.read(async (sql) => ({
        whole: await metricHistories(sql, ['a', 'b', 'none'], 'm', 5),
        sample: await sampledHistories(sql, ['b', 'a'], 'm', { interval: undefined, steps: 1 }),
        part: await sampledHistories(sql, ['a'], 'm', { interval: [1, 2], steps: 9 }),
      }));
      expect(shown(whole)).toBe('a3=3 a2=2 a1=1 a0=0 b3=3');
      expect(shown(sample)).toBe('b0=0 b3=3 a0=0 a3=3');
      expect(shown(part)).toBe('a1=1 a2=2');
    });

    test('a batch holds 1000 metrics, 100 parameters and 100 tags, 1000 together, and no more', async () => {
      await using store = await open();
      const { database } = store;
      await newRun(database, 'r');
      const many = (count: number): { key: string; value: string }[] =>
        Array.from({ length: count }, (_, n) => ({ key: `k${n}`, value: 'v' }));
      const { metrics } = points(...Array.from({ length: 1001 }, (_, n) => [`m${n}`, n] as const));
      for (const [batch, expected] of [
        [{ metrics: metrics.slice(1) }, 'done'],
        [{ metrics }, 'INVALID_PARAMETER_VALUE'],
        [{ params: many(100), tags: many(100), metrics: metrics.slice(201) }, 'done'],
        [{ params: many(100), tags: many(100), metrics: metrics.slice(200) }, 'INVALID_PARAMETER_VALUE'],
        [{ params: many(101) }, 'INVALID_PARAMETER_VALUE'],
        [{ tags: many(101) }, 'INVALID_PARAMETER_VALUE'],
      ] as const)
        expect(await outcome(log(database, 'r', batch))).toBe(expected);
      const { data } = await read(database, 'r');
      expect([data.metrics.length, data.params.length, data.tags.length]).toEqual([1000, 100, 101]);
    });

    test.each<[string, Partial<Batch>]>([
      ['a key of a metric', points(['a b?', 1])],
      ['a key that climbs', points(['../m', 1])],
      ['a key that is too long', points(['m'.repeat(251), 1])],
      ['a value with a NUL', { params: [{ key: 'p', value: 'a\0' }] }],
      ['a value with half a character', { tags: [{ key: 't', value: '\uD83C' }] }],
      [
        'a parameter twice',
        {
          params: [
            { key: 'p', value: 'v' },
            { key: 'p', value: 'v' },
          ],
        },
      ],
    ])('%s that cannot be is refused with all of its batch', async (_, batch) => {
      await using store = await open();
      const { database } = store;
      await newRun(database, 'r');
      const good = { key: 'good', value: '1' };
      const whole = {
        metrics: [{ key: 'good', value: 1, step: 0, timestamp: 0 }, ...(batch.metrics ?? [])],
        params: [good, ...(batch.params ?? [])],
        tags: [good, ...(batch.tags ?? [])],
      };
      expect(await outcome(log(database, 'r', whole))).toBe('INVALID_PARAMETER_VALUE');
      const { data } = await read(database, 'r');
      expect([data.metrics, data.params, data.tags.length]).toEqual([[], [], 1]);
    });

    test('the last value of a tag stays; a tag is deleted once', async () => {
      await using store = await open();
      const { database } = store;
      await newRun(database, 'r');
      const tags = ['1', '2', ''].map((value) => ({ key: 'k', value }));
      await log(database, 'r', { tags });
      expect((await read(database, 'r')).data.tags[0]).toEqual({ key: 'k', value: '' });
      const remove = (): Promise<void> => database.write((sql) => deleteTag(sql, 'r', 'k'));
      await remove();
      expect(await outcome(remove())).toBe('RESOURCE_DOES_NOT_EXIST');
    });

    test('a data set is one for all runs of its experiment, its tags belong to the run', async () => {
      await using store = await open();
      const { database } = store;
      await newRun(database, 'r');
      await newRun(database, 's');
      const dataset = { name: 'd', digest: 'x', source_type: 'local', source: '{}', schema: '[]' };
      const context = { key: 'mlflow.data.context', value: 'training' };
      const input: DatasetInput = { dataset, tags: [context, { key: 'k', value: 'v' }] };
      await database.write((sql) => logInputs(sql, 'r', [input, input]));
      await database.write((sql) => logInputs(sql, 's', [{ dataset, tags: [] }]));
      expect((await read(database, 'r')).inputs.dataset_inputs).toEqual([input]);
      expect((await read(database, 's')).inputs.dataset_inputs).toEqual([{ dataset, tags: [] }]);
      expect(await database.read((sql) => searchDatasets(sql, ['0']))).toEqual([
        { experiment_id: '0', name: 'd', digest: 'x' },
        { experiment_id: '0', name: 'd', digest: 'x', context: 'training' },
      ]);
      const bad = { dataset: { ...dataset, name: '\0' }, tags: [] };
      expect(await outcome(database.write((sql) => logInputs(sql, 's', [bad])))).toBe(
        'INVALID_PARAMETER_VALUE',
      );
    });

    test('many write to a run at once, and nothing is lost', async () => {
      await using store = await open();
      const { database } = store;
      await newRun(database, 'r');
      await Promise.all(
        Array.from({ length: 30 }, async (_, n) =>
          log(database, 'r', {
            ...points([`m${n}`, n], ['all', n, n], [`m${29 - n}`, n]),
            params: [{ key: `p${n}`, value: 'v' }],
            tags: [
              { key: `t${n % 3}`, value: String(n) },
              { key: 'mlflow.runName', value: 'named' },
            ],
          }),
        ),
      );
      const { data } = await read(database, 'r');
      expect([data.metrics.length, data.params.length, data.tags.length]).toEqual([31, 30, 4]);
      expect(await latest(store)).toContain('all=29@29/0');
      expect(await history(store, 'all')).toHaveLength(30);
    });

    test('of many that give a parameter different values at once, one wins and stays', async () => {
      await using store = await open();
      const { database } = store;
      await newRun(database, 'r');
      const all = await Promise.all(
        Array.from({ length: 10 }, (_, n) =>
          outcome(log(database, 'r', { params: [{ key: 'p', value: String(n) }] })),
        ),
      );
      const winner = all.indexOf('done');
      expect(all.filter((one) => one === 'done')).toHaveLength(1);
      expect((await read(database, 'r')).data.params).toEqual([{ key: 'p', value: String(winner) }]);
    });
  });
}
