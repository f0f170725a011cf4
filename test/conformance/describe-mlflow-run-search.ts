import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Database } from '../../src/db/sql.ts';
import type { TrackedRunWrite } from '../../src/engine/tracking-port.ts';
import { logInputs } from '../../src/tracking/mlflow/log.ts';
import { moveRun, updateRun } from '../../src/tracking/mlflow/runs.ts';
import { searchRuns } from '../../src/tracking/mlflow/search-runs.ts';
import { filters, runs } from './filter-reference.ts';
import {
  ALL,
  found,
  log,
  newExperiment,
  newRun,
  type OpenStore,
  outcome,
  points,
  ROOT,
} from './mlflow-store.ts';

/** Four runs that differ in everything that a search names: `d` has nothing, `c` is odd. */
async function fourRuns(database: Database): Promise<void> {
  await newRun(database, 'a', { name: 'Alpha', startTime: 1 });
  await newRun(database, 'b', { name: 'alpha_beta', startTime: 2, user: 'You' });
  await newRun(database, 'c', { name: 'élan %', startTime: 3 });
  await newRun(database, 'd', { name: 'd', startTime: 4 });
  await log(database, 'a', {
    ...points(['auc', 0.5, 1]),
    params: [{ key: 'lr', value: '0.1' }],
    tags: [{ key: 'team', value: 'Blue' }],
  });
  await log(database, 'b', {
    ...points(['auc', 0.9, 1]),
    params: [{ key: 'lr', value: '10' }],
    tags: [{ key: 'team', value: 'blue' }],
  });
  await log(database, 'c', {
    ...points(['auc', Number.NaN, 1]),
    params: [{ key: 'lr', value: 'É*[a]?' }],
    tags: [{ key: 'team', value: '' }],
  });
  const end = { status: 'FINISHED', endTime: 7, name: undefined } as const;
  await database.write((sql) => updateRun(sql, 'b', end, ROOT));
  const dataset = { name: 'flights', digest: 'f1', source_type: 'local', source: '{}' };
  const tags = [{ key: 'mlflow.data.context', value: 'training' }];
  await database.write((sql) => logInputs(sql, 'a', [{ dataset, tags }]));
}

/** A run as other stores take it, by MLflow's operations. */
async function write(
  database: Database,
  { id, name, startTime = 0, status, endTime, metrics, params, tags, datasets }: TrackedRunWrite,
): Promise<void> {
  await newRun(database, id, { name, startTime, user: '' });
  await log(database, id, { metrics: metrics ?? [], params: params ?? [], tags: tags ?? [] });
  const inputs = (datasets ?? []).map(({ name, digest, sourceType, source, context }) => ({
    dataset: { name, digest, source_type: sourceType, source },
    tags: context === undefined ? [] : [{ key: 'mlflow.data.context', value: context }],
  }));
  await database.write((sql) => logInputs(sql, id, inputs));
  await database.write((sql) => updateRun(sql, id, { status, endTime, name: undefined }, ROOT));
}

export function describeRunSearches(name: string, open: () => Promise<OpenStore>): void {
  describe(`${name}: a search of runs`, () => {
    test.each([
      ['', 'dcba'],
      ['metrics.auc > 0.5', 'b'],
      ['metrics.auc >= 0.5', 'ba'],
      ['metrics.auc < 1', 'ba'],
      ['metrics.auc = 0.9', 'b'],
      // NaN is not 0.9, and neither above nor below it.
      ['metrics.auc != 0.9', 'ca'],
      ['metrics.auc > -1e308', 'ba'],
      ["params.lr = '10'", 'b'],
      ["params.lr != '10'", 'ca'],
      ["params.lr LIKE '%*[a]_'", 'c'],
      ["params.lr LIKE 'é%'", ''],
      // Only ASCII is folded.
      ["params.lr ILIKE 'é%'", ''],
      ["params.lr ILIKE 'É*[A]_'", 'c'],
      ["params.lr IN ('10', '0.1')", 'ba'],
      ["params.lr NOT IN ('10')", 'ca'],
      ['params.lr IS NULL', 'd'],
      ['params.lr IS NOT NULL', 'cba'],
      ["tags.team = 'blue'", 'b'],
      ["tags.team LIKE 'b%'", 'b'],
      ["tags.team LIKE 'B_ue'", 'a'],
      ["tags.team ILIKE 'B%'", 'ba'],
      ["tags.team = ''", 'c'],
      ["tags.team < 'a'", 'FILTER_INVALID'],
      ["attributes.run_name LIKE 'alpha%'", 'b'],
      ["run_name LIKE 'alpha\\_%'", ''],
      ["run_name ILIKE 'ALPHA%'", 'ba'],
      ["run_name LIKE '%\\%'", ''],
      ["run_name LIKE '%'", 'dcba'],
      ["tags.`mlflow.runName` = 'd'", 'd'],
      ["status = 'FINISHED'", 'b'],
      ["status != 'FINISHED'", 'dca'],
      ["user_id = 'You'", 'b'],
      ['start_time > 2.5', 'dc'],
      ['start_time <= 2 AND start_time != 1', 'b'],
      ['end_time > 1', 'b'],
      ['end_time != 1', 'b'],
      ["run_id IN ('a', 'd')", 'da'],
      ["datasets.name = 'flights' AND datasets.context = 'training'", 'a'],
      ["datasets.digest LIKE 'F%'", ''],
      ["datasets.digest ILIKE 'F%'", 'a'],
      ["tags.team = 'blue' AND metrics.auc > 0.5 AND params.lr = '10'", 'b'],
      ["experiment = 'Default'", 'dcba'],
      ["artifact_uri = 'mlflow-artifacts:/0/b/artifacts'", 'b'],
      ["attributes.artifact_uri LIKE '%/c/artifacts'", 'c'],
      ["artifact_uri IN ('mlflow-artifacts:/0/a/artifacts', 'x')", 'a'],
      ["attributes.`Run Name` = 'Alpha' AND attributes.`run name` = 'Alpha'", 'a'],
      ["attributes.'Run Name' = 'Alpha' AND params.'lr' = '0.1'", 'a'],
      ["params.größe IS NULL AND start_time >= '3'", 'dc'],
      ["run_id IN ('a',)", 'a'],
      ["run_id IN ('a',,)", 'FILTER_INVALID'],
      ['start_time > \'3"', 'FILTER_INVALID'],
      ["start_time > 'x'", 'FILTER_INVALID'],
      ['run_name IS NULL', 'FILTER_INVALID'],
      ['start_time > 9007199254740991', ''],
      ['start_time > 9007199254740992', 'FILTER_INVALID'],
      ['metrics.auc != -9007199254740993', 'FILTER_INVALID'],
      ['metrics.auc < 1e400', 'FILTER_INVALID'],
      ["tags.a = 'x' OR tags.b = 'y'", 'FILTER_INVALID'],
    ])('%s', async (filter, ids) => {
      await using store = await open();
      await fourRuns(store.database);
      const work = found(store.database, filter);
      if (ids === 'FILTER_INVALID') expect(await outcome(work)).toBe(ids);
      else expect((await work).join('')).toBe(ids);
    });

    test('finds what a plain walk over the same runs finds', async () => {
      await fc.assert(
        fc.asyncProperty(runs, fc.array(filters, { minLength: 1, maxLength: 8 }), async (some, samples) => {
          await using store = await open();
          // Here every run has a name and a start.
          const written = some.map((run) => ({
            ...run,
            name: run.name || run.id,
            startTime: run.startTime ?? 0,
          }));
          for (const run of written) await write(store.database, run);
          for (const { text, holds } of samples)
            expect([text, await found(store.database, text, { orderBy: ['run_id'] })]).toEqual([
              text,
              written.filter(holds).map(({ id }) => id),
            ]);
        }),
        { numRuns: 60 },
      );
    });

    test.each([
      ['metrics.auc', 'abcd'],
      ['metrics.auc DESC', 'bacd'],
      ['params.lr', 'abcd'],
      ['params.lr DESC', 'cbad'],
      ['tags.team', 'cabd'],
      ['run_name', 'abdc'],
      ['run_name DESC', 'cdba'],
      ['end_time', 'bdca'],
      ['end_time DESC', 'bdca'],
      ['status, start_time', 'bacd'],
      ['artifact_uri DESC', 'dcba'],
    ])('ordered by %s: by code point, what lacks the key last', async (order, ids) => {
      await using store = await open();
      await fourRuns(store.database);
      const inOrder = await found(store.database, '', { orderBy: order.split(', ') });
      expect(inOrder.join('')).toBe(ids);
    });

    test('a list may be longer than a statement has places for values', async () => {
      await using store = await open();
      const { database } = store;
      await fourRuns(database);
      const list = Array.from({ length: 70_000 }, (_, n) => `'${n}'`).join(', ');
      for (const [filter, ids] of [
        [`params.lr IN (${list})`, ['b']],
        [`params.lr NOT IN (${list})`, ['c', 'a']],
        [`run_id IN (${list}, 'a')`, ['a']],
        [`datasets.name NOT IN (${list})`, ['a']],
      ] as const)
        expect(await found(database, filter)).toEqual(ids);
    });

    test('twenty keys to order by are taken, page by page, and no more', async () => {
      await using store = await open();
      const { database } = store;
      await fourRuns(database);
      const orderBy = [...Array.from({ length: 19 }, (_, n) => `metrics.m${n} DESC`), 'metrics.auc'];
      const first = await database.read((sql) =>
        searchRuns(sql, ['0'], { ...ALL, maxResults: 2, orderBy }, ROOT),
      );
      expect(first.runs.map(({ info }) => info.run_id)).toEqual(['a', 'b']);
      expect(
        await found(database, '', {
          orderBy,
          ...(first.next_page_token && { pageToken: first.next_page_token }),
        }),
      ).toEqual(['c', 'd']);
      expect(await outcome(found(database, '', { orderBy: [...orderBy, 'status'] }))).toBe('FILTER_INVALID');
    });

    test('orders beyond the first plane by code point', async () => {
      await using store = await open();
      const { database } = store;
      // In UTF-16 the last of these comes before the second.
      const names = ['a', '\uFF5E', '🍲'];
      for (const [n, name] of names.entries()) await newRun(database, `r${n}`, { name });
      expect(await found(database, '', { orderBy: ['run_name'] })).toEqual(['r0', 'r1', 'r2']);
    });

    test('sees the stages and experiments that are asked for', async () => {
      await using store = await open();
      const { database } = store;
      const experimentId = await newExperiment(database, 'other');
      await newRun(database, 'a');
      await newRun(database, 'b', { startTime: 2 });
      await newRun(database, 'c', { experimentId, startTime: 3 });
      await database.write((sql) => moveRun(sql, 'b', 'deleted', 5));
      expect(await found(database, '')).toEqual(['a']);
      expect(await found(database, '', { view: 'DELETED_ONLY' })).toEqual(['b']);
      expect(await found(database, '', { view: 'ALL' })).toEqual(['b', 'a']);
      const both = await database.read((sql) => searchRuns(sql, ['0', experimentId, '77'], ALL, ROOT));
      expect(both.runs.map(({ info }) => info.run_id)).toEqual(['c', 'a']);
      expect((await database.read((sql) => searchRuns(sql, [], ALL, ROOT))).runs).toEqual([]);
    });

    test('goes through pages without gaps or doubles, runs of one moment too', async () => {
      await using store = await open();
      const { database } = store;
      const ids = Array.from({ length: 25 }, (_, n) => `r${String(n).padStart(2, '0')}`);
      for (const id of ids.toReversed()) await newRun(database, id, { startTime: 5 });
      const seen: string[] = [];
      let pageToken: string | undefined;
      do {
        const page = await database.read((sql) =>
          searchRuns(sql, ['0'], { ...ALL, maxResults: 4, orderBy: ['metrics.auc'], pageToken }, ROOT),
        );
        seen.push(...page.runs.map(({ info }) => info.run_id));
        pageToken = page.next_page_token;
      } while (pageToken !== undefined);
      expect(seen).toEqual(ids);
    });

    test('refuses pages that are none', async () => {
      await using store = await open();
      const { database } = store;
      expect(await outcome(found(database, '', { maxResults: 50_001 }))).toBe('INVALID_PARAMETER_VALUE');
      expect(await outcome(found(database, '', { pageToken: 'x' }))).toBe('PAGE_TOKEN_INVALID');
      expect(await outcome(found(database, '', { maxResults: 0 }))).toBe('INVALID_PARAMETER_VALUE');
    });
  });
}
