import { describe, expect, test } from 'vitest';
import type { Digest, Fingerprint } from '../../src/core/ids.ts';
import type { RunSearch, TrackedRunWrite, Tracking } from '../../src/engine/tracking-port.ts';

/** An implementation that is open and empty. */
export interface OpenTracking extends AsyncDisposable {
  readonly tracking: Tracking;
}

const A: TrackedRunWrite = {
  id: 'a'.repeat(32),
  name: 'first',
  startTime: 1,
  status: 'FINISHED',
  endTime: 5,
  params: [{ key: 'lr', value: '0.1' }],
  metrics: [
    { key: 'auc', value: 0.6, step: 1, timestamp: 2 },
    { key: 'auc', value: 0.7, step: 2, timestamp: 3 },
  ],
  tags: [{ key: 'team', value: 'Blue' }],
  datasets: [
    {
      name: 'flights',
      digest: 'd1',
      sourceType: 'local',
      source: '{"uri":"flights.csv"}',
      schema: '[{"name":"delay"}]',
      profile: '{"num_rows":3}',
      context: 'training',
    },
  ],
  artifacts: [{ path: 'model', digest: 'e'.repeat(64) as Digest, size: 9, kind: 'model' }],
};
const B: TrackedRunWrite = {
  id: 'b'.repeat(32),
  name: 'second',
  startTime: 2,
  params: [{ key: 'lr', value: '0.2' }],
  metrics: [{ key: 'auc', value: 0.5, step: 9, timestamp: 9 }],
};

/** What MLflow's own server does otherwise. */
export interface TrackingLimits {
  /** A data set is an input of a run once, in the context of the first time. */
  readonly hasOneContext?: true;
}

/** What every implementation of `Tracking` does: MLflow's semantics, and what a replay relies on. */
export function describeTracking(
  name: string,
  open: () => Promise<OpenTracking>,
  { hasOneContext }: TrackingLimits = {},
): void {
  const write = (tracking: Tracking, ...runs: TrackedRunWrite[]): Promise<void> =>
    tracking.write({ experiment: 'demo', runs });
  const found = async (tracking: Tracking, search: Partial<RunSearch>): Promise<string> => {
    const { runs } = await tracking.search({ limit: 100, children: true, ...search });
    return runs.map(({ id }) => id.charAt(0)).join('');
  };
  const refusal = async (work: Promise<void>): Promise<string> =>
    work.then(
      () => 'taken',
      (error: { code?: string }) => String(error.code),
    );

  describe(`${name}: a run`, () => {
    test('is read back as it was written', async () => {
      await using opened = await open();
      const { tracking } = opened;
      await write(tracking, A);
      expect(await tracking.read(A.id)).toEqual({
        id: A.id,
        name: 'first',
        experiment: 'demo',
        user: '',
        status: 'FINISHED',
        lifecycle: 'active',
        startTime: 1,
        endTime: 5,
        params: { lr: '0.1' },
        metrics: { auc: 0.7 },
        tags: { 'mlflow.runName': 'first', team: 'Blue' },
        artifacts: A.artifacts,
        datasets: A.datasets,
        children: [],
      });
      expect(await tracking.read('f'.repeat(32))).toBeUndefined();
    });

    test('that is written again is the same', async () => {
      await using opened = await open();
      const { tracking } = opened;
      await write(tracking, A, B);
      const before = [await tracking.read(A.id), await tracking.history(A.id, 'auc')];
      await write(tracking, A, B);
      expect([await tracking.read(A.id), await tracking.history(A.id, 'auc')]).toEqual(before);
    });

    test('is RUNNING until it ends, and then stays as it ended', async () => {
      await using opened = await open();
      const { tracking } = opened;
      await write(tracking, { id: B.id, startTime: 1 });
      expect(await tracking.read(B.id)).toMatchObject({ status: 'RUNNING', endTime: null, name: B.id });
      await write(tracking, { id: B.id, status: 'FAILED', endTime: 4 });
      await write(tracking, { id: B.id, status: 'FINISHED', endTime: 9 });
      await tracking.endOpen(B.id, 10);
      expect(await tracking.read(B.id)).toMatchObject({ status: 'FAILED', endTime: 4 });
    });

    test('that was cut off ends KILLED, with the runs of its steps', async () => {
      await using opened = await open();
      const { tracking } = opened;
      const child = { id: 'c'.repeat(32), name: 'step', parent: B.id, startTime: 1 };
      const done = { ...child, id: 'd'.repeat(32), status: 'FINISHED', endTime: 2 } as const;
      await write(tracking, { id: B.id, startTime: 1 }, child, done, { id: A.id, startTime: 1 });
      await tracking.endOpen(B.id, 10);
      expect(await tracking.read(B.id)).toMatchObject({
        status: 'KILLED',
        endTime: 10,
        children: [
          { id: child.id, status: 'KILLED' },
          { id: done.id, status: 'FINISHED' },
        ],
      });
      expect(await tracking.read(A.id)).toMatchObject({ status: 'RUNNING' });
    });

    test('belongs to the user that its tag names', async () => {
      await using opened = await open();
      await write(opened.tracking, { id: A.id, tags: [{ key: 'mlflow.user', value: 'ada' }] });
      expect(await found(opened.tracking, { where: "user_id = 'ada'" })).toBe('a');
    });

    test('that is deleted is in no search, takes no writes, and comes back as it was', async () => {
      await using opened = await open();
      const { tracking } = opened;
      await write(tracking, A, B);
      const before = await tracking.read(A.id);
      await tracking.remove(A.id, 7);
      expect(await found(tracking, {})).toBe('b');
      expect(await found(tracking, { lifecycle: 'deleted' })).toBe('a');
      expect(await found(tracking, { lifecycle: 'all' })).toBe('ba');
      expect(await tracking.idsLike('aaaa')).toEqual([]);
      expect(await refusal(write(tracking, B, A))).toBe('TRACKED_RUN_DELETED');
      expect(await tracking.read(A.id)).toEqual({ ...before, lifecycle: 'deleted' });
      await tracking.restore(A.id);
      expect(await tracking.read(A.id)).toEqual(before);
    });

    test('is found by the beginning of its id, its name, or the last word of it', async () => {
      await using opened = await open();
      const { tracking } = opened;
      await write(tracking, A, { ...B, name: 'demo 2026-a%' }, { id: 'ab', name: 'first', startTime: 1 });
      expect(await tracking.idsLike('bbb')).toEqual([B.id]);
      expect(await tracking.idsLike('2026-a%')).toEqual([B.id]);
      expect(await tracking.idsLike('demo 2026-a%')).toEqual([B.id]);
      expect(await tracking.idsLike('a')).toEqual([A.id, 'ab']);
      for (const nothing of ['', '%', '2026-a_', 'irst']) expect(await tracking.idsLike(nothing)).toEqual([]);
    });
  });

  describe(`${name}: parameters, tags and metrics`, () => {
    test('a parameter stays: another value is refused, and nothing of that batch is written', async () => {
      await using opened = await open();
      const { tracking } = opened;
      await write(tracking, A);
      const other = { id: A.id, params: [{ key: 'lr', value: '0.3' }], tags: [{ key: 'x', value: '1' }] };
      expect(await refusal(write(tracking, B, other))).toBe('PARAM_CHANGED');
      expect((await tracking.read(A.id))?.tags).not.toHaveProperty('x');
      expect(await tracking.read(B.id)).toBeUndefined();
      const twice = [
        { key: 'k', value: '1' },
        { key: 'k', value: '2' },
      ];
      expect(await refusal(write(tracking, { id: B.id, params: twice }))).toBe('PARAM_CHANGED');
    });

    test('of a tag the last value stays', async () => {
      await using opened = await open();
      const { tracking } = opened;
      await write(tracking, A);
      await write(tracking, { id: A.id, tags: [{ key: 'team', value: 'Red' }] });
      expect((await tracking.read(A.id))?.tags['team']).toBe('Red');
    });

    test('a metric keeps its history, each point once, by step and time', async () => {
      await using opened = await open();
      const { tracking } = opened;
      const point = (value: number, step: number, timestamp: number): TrackedRunWrite => ({
        id: A.id,
        metrics: [{ key: 'loss', value, step, timestamp }],
      });
      await write(tracking, point(3, 1, 20), point(1, 0, 10), point(2, 1, 20), point(2, 1, 20));
      expect(
        (await tracking.history(A.id, 'loss')).map(({ value, step, timestamp }) => [value, step, timestamp]),
      ).toEqual([
        [1, 0, 10],
        [2, 1, 20],
        [3, 1, 20],
      ]);
    });

    test.each([
      [
        'the highest step',
        [
          [5, 2, 1],
          [6, 1, 9],
        ],
        5,
      ],
      [
        'at one step the latest time',
        [
          [5, 1, 9],
          [6, 1, 1],
        ],
        5,
      ],
      [
        'at one time the highest value',
        [
          [7, 1, 1],
          [5, 1, 1],
        ],
        7,
      ],
      [
        'also below zero',
        [
          [1, -1, 1],
          [2, -2, 9],
        ],
        1,
      ],
    ])('the latest value is that of %s', async (_, points, latest) => {
      await using opened = await open();
      const { tracking } = opened;
      for (const order of [points, points.toReversed()]) {
        const id = order === points ? A.id : B.id;
        for (const [value = 0, step = 0, timestamp = 0] of order)
          await write(tracking, { id, metrics: [{ key: 'm', value, step, timestamp }] });
        expect((await tracking.read(id))?.metrics).toEqual({ m: latest });
      }
    });

    test('NaN stays NaN, an infinity becomes the largest double', async () => {
      await using opened = await open();
      const { tracking } = opened;
      const metric = (key: string, value: number): NonNullable<TrackedRunWrite['metrics']> => [
        { key, value, step: 0, timestamp: 1 },
      ];
      await write(
        tracking,
        { id: A.id, metrics: metric('odd', Number.NaN) },
        { id: A.id, metrics: metric('up', Infinity) },
        { id: A.id, metrics: metric('down', -Infinity) },
        { id: A.id, metrics: metric('small', Number.MIN_VALUE) },
      );
      expect((await tracking.read(A.id))?.metrics).toEqual({
        odd: Number.NaN,
        up: Number.MAX_VALUE,
        down: -Number.MAX_VALUE,
        small: Number.MIN_VALUE,
      });
      expect(await tracking.history(A.id, 'odd')).toEqual(metric('odd', Number.NaN));
    });

    test('text of any script is kept', async () => {
      await using opened = await open();
      const value = `Zürich 東京 👩‍🔬 "'\`;--\\ \n\t %_`;
      await write(opened.tracking, { id: A.id, params: [{ key: 'p', value }], tags: [{ key: 't', value }] });
      expect(await opened.tracking.read(A.id)).toMatchObject({ params: { p: value }, tags: { t: value } });
    });

    test.skipIf(hasOneContext)(
      'a data set is one for each name and digest; its context is that of the run',
      async () => {
        await using opened = await open();
        const { tracking } = opened;
        const again = (context: string): TrackedRunWrite => ({
          id: B.id,
          datasets: [{ name: 'flights', digest: 'd1', sourceType: 'local', source: '{}', context }],
        });
        await write(tracking, A, again('validation'), again('test'));
        const run = await tracking.read(B.id);
        expect(run?.datasets.map(({ context, schema }) => [context, schema])).toEqual([
          ['test', '[{"name":"delay"}]'],
          ['validation', '[{"name":"delay"}]'],
        ]);
      },
    );

    test('all keys are named', async () => {
      await using opened = await open();
      await write(opened.tracking, A, B);
      expect(await opened.tracking.keys()).toEqual({
        metrics: ['auc'],
        params: ['lr'],
        tags: ['mlflow.runName', 'team'],
      });
    });
  });

  describe(`${name}: what MLflow refuses is refused`, () => {
    const long = (length: number): string => 'x'.repeat(length);
    const key = (text: string): TrackedRunWrite => ({ id: A.id, tags: [{ key: text, value: '' }] });
    const dataset = (change: object): TrackedRunWrite => ({
      id: A.id,
      datasets: [{ name: 'n', digest: 'd', sourceType: 'local', source: 's', ...change }],
    });
    test.each<[string, TrackedRunWrite, TrackedRunWrite]>([
      ['a key of 251 characters', key(long(250)), key(long(251))],
      ['a key with other characters', key('a_B-1./ :c'), key('a@b')],
      ['a key that is empty', key('a'), key('')],
      ['a key that climbs', key('a/b'), key('a/../b')],
      ['a key that begins with /', key('a/b'), key('/a')],
      ['a key with an empty part', key('a/b'), key('a//b')],
      [
        'a parameter of 6001 characters',
        { id: A.id, params: [{ key: 'p', value: long(6000) }] },
        { id: A.id, params: [{ key: 'p', value: long(6001) }] },
      ],
      [
        'a tag of 8001 characters',
        { id: A.id, tags: [{ key: 't', value: long(8000) }] },
        { id: A.id, tags: [{ key: 't', value: long(8001) }] },
      ],
      [
        'a step that is no whole number',
        { id: A.id, metrics: [{ key: 'm', value: 1, step: -3, timestamp: 0 }] },
        { id: A.id, metrics: [{ key: 'm', value: 1, step: 0.5, timestamp: 0 }] },
      ],
      ['a run id with other characters', { id: 'A_b-1' }, { id: 'a/b' }],
      ['a run id of 257 characters', { id: long(256) }, { id: long(257) }],
      ['a data set without a name', dataset({}), dataset({ name: '' })],
      ['a data set with a long name', dataset({ name: long(500) }), dataset({ name: long(501) })],
      ['a data set with a long digest', dataset({ digest: long(36) }), dataset({ digest: long(37) })],
      ['a data set with a long source', dataset({ source: long(65_535) }), dataset({ source: long(65_536) })],
      [
        'a data set with a long schema',
        dataset({ schema: long(1_048_575) }),
        dataset({ schema: long(1_048_576) }),
      ],
    ])('%s', async (_, good, bad) => {
      await using opened = await open();
      expect(await refusal(write(opened.tracking, good))).toBe('taken');
      expect(await refusal(write(opened.tracking, B, bad))).toBe('TRACKING_VALUE_INVALID');
      expect(await opened.tracking.read(B.id)).toBeUndefined();
    });

    test('an experiment without a name, or with one of 501 characters', async () => {
      await using opened = await open();
      const ask = (experiment: string): Promise<string> =>
        refusal(opened.tracking.write({ experiment, runs: [] }));
      expect([await ask(long(500)), await ask(long(501)), await ask(' ')]).toEqual([
        'taken',
        'TRACKING_VALUE_INVALID',
        'TRACKING_VALUE_INVALID',
      ]);
    });
  });

  describe(`${name}: a replay`, () => {
    test('begins at the cursor, which is written with what it stands for and never goes back', async () => {
      await using opened = await open();
      const { tracking } = opened;
      const at = (seq: number, ...runs: TrackedRunWrite[]): Promise<void> =>
        tracking.write({ experiment: 'demo', runs, cursor: { run: A.id, seq } });
      expect(await tracking.cursor(A.id)).toBe(0);
      await at(7, A);
      expect(await tracking.cursor(A.id)).toBe(7);
      await at(3, B);
      expect(await tracking.cursor(A.id)).toBe(7);
      expect(await refusal(at(9, { id: A.id, params: [{ key: 'lr', value: 'other' }] }))).toBe(
        'PARAM_CHANGED',
      );
      expect(await tracking.cursor(A.id)).toBe(7);
    });

    test('knows which results were shown before', async () => {
      await using opened = await open();
      const { tracking } = opened;
      const [one, two] = ['1'.repeat(64) as Fingerprint, '2'.repeat(64) as Fingerprint];
      expect(await tracking.unseen([one, two])).toEqual(new Set([one, two]));
      await write(tracking, { ...A, result: one });
      await write(tracking, { ...B, result: one });
      expect(await tracking.unseen([one, two])).toEqual(new Set([two]));
      expect(await tracking.unseen([])).toEqual(new Set());
    });
  });
}
