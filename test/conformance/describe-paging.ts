import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Database } from '../../src/db/sql.ts';
import { EVERY_ROW } from '../../src/tracking/filter-sql.ts';
import { writeTags } from '../../src/tracking/mlflow/log.ts';
import { historyPage } from '../../src/tracking/mlflow/metric-history.ts';
import { searchExperiments } from '../../src/tracking/mlflow/search.ts';
import { searchLoggedModels } from '../../src/tracking/mlflow/search-logged-models.ts';
import { searchModels, searchVersions } from '../../src/tracking/mlflow/search-registry.ts';
import { searchRuns } from '../../src/tracking/mlflow/search-runs.ts';
import { searchTraces } from '../../src/tracking/mlflow/search-traces.ts';
import {
  ALL,
  found,
  log,
  newExperiment,
  newModel,
  newRun,
  newVersion,
  type OpenStore,
  outcome,
  points,
  ROOT,
} from './mlflow-store.ts';

/** A run as searches see it; few values, so that many are equal. */
interface Some {
  /** Lacking: as an import may leave it. */
  readonly startTime: number | undefined;
  readonly name: string;
  readonly auc: number | undefined;
  readonly lr: string | undefined;
}

const some: fc.Arbitrary<Some> = fc.record({
  startTime: fc.constantFrom(undefined, 0, 1, 2),
  name: fc.constantFrom('a', 'B', 'é', '🍲'),
  auc: fc.constantFrom(undefined, Number.NaN, Number.POSITIVE_INFINITY, -1, 0.1, 0.30000000000000004, 5e-324),
  lr: fc.constantFrom(undefined, '', '0.1', "'"),
});
const orders = fc
  .subarray(['metrics.auc', 'metrics.none', 'params.lr', 'run_name', 'start_time', 'end_time'])
  .chain((keys) =>
    fc.tuple(fc.shuffledSubarray(keys, { minLength: keys.length }), fc.infiniteStream(fc.boolean())),
  )
  .map(([keys, ways]) => keys.map((key) => `${key}${ways.next().value === true ? ' DESC' : ''}`));
const questions = fc.record({
  orderBy: orders,
  maxResults: fc.integer({ min: 1, max: 6 }),
  filter: fc.constantFrom('', 'metrics.auc > 0', "params.lr != '0.1'", 'start_time >= 1', "run_name = 'a'"),
});

/** Ids page by page; between pages `meanwhile` may write. */
async function walk(
  database: Database,
  question: { readonly orderBy: readonly string[]; readonly maxResults: number; readonly filter?: string },
  meanwhile: (page: number) => Promise<void> = async () => undefined,
): Promise<string[]> {
  const ids: string[] = [];
  let pageToken: string | undefined;
  let page = 0;
  do {
    const found = await database.read((sql) =>
      searchRuns(sql, ['0'], { ...ALL, ...question, pageToken }, ROOT),
    );
    ids.push(...found.runs.map(({ info }) => info.run_id));
    pageToken = found.next_page_token;
    await meanwhile(page);
    page += 1;
  } while (pageToken !== undefined);
  return ids;
}

async function write(database: Database, id: string, { auc, lr, name, startTime }: Some): Promise<void> {
  await newRun(database, id, { name, startTime: startTime ?? 0 });
  if (startTime === undefined)
    await database.write((sql) => sql.run('UPDATE runs SET start_time = NULL WHERE run_uuid = ?', id));
  await log(database, id, {
    ...(auc === undefined ? {} : points(['auc', auc])),
    params: lr === undefined ? [] : [{ key: 'lr', value: lr }],
  });
}

/** Every search, as what it answers to a token. */
const SEARCHES: Readonly<Record<string, (database: Database, pageToken?: string) => Promise<object>>> = {
  runs: (database, pageToken) =>
    database.read((sql) =>
      searchRuns(sql, ['0'], { ...ALL, maxResults: 1, orderBy: ['metrics.auc'], pageToken }, ROOT),
    ),
  experiments: (database, pageToken) =>
    database.read((sql) => searchExperiments(sql, { ...ALL, maxResults: 1, pageToken }, ROOT, EVERY_ROW)),
  models: (database, pageToken) =>
    database.read((sql) => searchModels(sql, { ...ALL, maxResults: 1, pageToken }, EVERY_ROW)),
  versions: (database, pageToken) =>
    database.read((sql) => searchVersions(sql, { ...ALL, maxResults: 1, pageToken }, EVERY_ROW)),
  'a history': (database, pageToken) =>
    database.read((sql) => historyPage(sql, 'a', 'auc', { maxResults: 1, pageToken })),
  'logged models': (database, pageToken) =>
    database.read((sql) =>
      searchLoggedModels(
        sql,
        { experimentIds: ['0'], filter: '', datasets: [], maxResults: 1, orderBy: [], pageToken },
        ROOT,
      ),
    ),
  traces: (database, pageToken) =>
    database.read((sql) => searchTraces(sql, { ...ALL, experimentIds: ['0'], maxResults: 1, pageToken })),
};

export function describePaging(name: string, open: () => Promise<OpenStore>): void {
  describe(`${name}: pages`, () => {
    test('joined are the whole answer, for any runs, filter, order and size', async () => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(some, { maxLength: 14 }),
          fc.array(questions, { minLength: 1, maxLength: 6 }),
          async (runs, asked) => {
            await using store = await open();
            for (const [n, run] of runs.entries()) await write(store.database, `r${n}`, run);
            for (const question of asked) {
              const { filter, orderBy } = question;
              const whole = await found(store.database, filter, { orderBy });
              expect([question, await walk(store.database, question)]).toEqual([question, whole]);
            }
          },
        ),
        { numRuns: 20 },
      );
    });

    test.each([
      ['start_time', 'cadb'],
      ['start_time DESC', 'dacb'],
    ])('ordered by %s have what did not start at the end', async (order, ids) => {
      await using store = await open();
      for (const [id, startTime] of Object.entries({ a: 5, b: undefined, c: 1, d: 9 }))
        await write(store.database, id, { startTime, name: 'a', auc: undefined, lr: undefined });
      for (const maxResults of [1, 2, 3, 4, 5])
        expect([maxResults, (await walk(store.database, { orderBy: [order], maxResults })).join('')]).toEqual(
          [maxResults, ids],
        );
    });

    test.each([[[]], [['metrics.auc DESC']], [['params.lr']]])(
      'by %j show each run once, whatever is written meanwhile',
      async (orderBy) => {
        await using store = await open();
        const { database } = store;
        const ids = Array.from({ length: 9 }, (_, n) => `r${n}`);
        for (const [n, id] of ids.entries())
          await write(database, id, { startTime: 10 + n, name: 'a', auc: n / 10, lr: `${n}` });
        const seen = await walk(database, { orderBy, maxResults: 2 }, async (page) => {
          // One before what was shown, and one that shown ones leave behind.
          if (page < 3) await write(database, `new${page}`, { startTime: 99, name: 'a', auc: 9, lr: '' });
          await database.write((sql) => writeTags(sql, 'r0', [{ key: 'page', value: `${page}` }]));
        });
        expect(seen.toSorted()).toEqual(ids);
      },
    );

    test.each(Object.keys(SEARCHES))('of %s are refused by any other token than their own', async (which) => {
      await using store = await open();
      const { database } = store;
      const ask = SEARCHES[which] ?? expect.fail();
      await newRun(database, 'a');
      await newRun(database, 'b');
      await log(database, 'a', points(['auc', 1, 1], ['auc', 1, 2]));
      await newExperiment(database, 'other');
      for (const model of ['m', 'n']) {
        await newModel(database, model);
        await newVersion(database, model);
      }
      const tokens: string[] = [];
      for (const other of ['runs', 'experiments', 'models', 'versions', 'a history'])
        if (other !== which) {
          const page = (await SEARCHES[other]?.(database)) as { next_page_token: string };
          tokens.push(page.next_page_token);
        }
      expect(tokens.every((token) => token.length > 0)).toBe(true);
      const own = (await ask(database)) as { next_page_token?: string };
      const broken =
        own.next_page_token === undefined
          ? []
          : [
              ...(which === 'models' ? [] : ['"x"']),
              '1.5',
              '1e400',
              'null',
              '{}',
              '[]',
              '9007199254740993',
              '"\\u0000"',
              '"\\ud800"',
            ].map((value) => withValues(own.next_page_token ?? '', value));
      for (const token of ['', 'x', 'bnVsbA', 'W10', '%', ...tokens, ...broken])
        expect([token, await outcome(ask(database, token))]).toEqual([token, 'PAGE_TOKEN_INVALID']);
      if (own.next_page_token !== undefined)
        expect(await outcome(ask(database, own.next_page_token))).toBe('done');
    });
  });
}

/** The token with this JSON, which is none of any key, in place of each value. */
function withValues(token: string, value: string): string {
  const { search, after } = JSON.parse(Buffer.from(token, 'base64url').toString()) as {
    search: string;
    after: unknown[];
  };
  const text = `{"search":${JSON.stringify(search)},"after":[${after.map(() => value).join(', ')}]}`;
  return Buffer.from(text).toString('base64url');
}
