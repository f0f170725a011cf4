import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RunSearch, TrackedRunWrite, Tracking } from '../../src/engine/tracking-port.ts';
import type { OpenTracking } from './describe-tracking.ts';
import { filters, runs } from './filter-reference.ts';

const A: TrackedRunWrite = {
  id: 'a'.repeat(32),
  name: 'first',
  startTime: 1,
  status: 'FINISHED',
  endTime: 5,
  params: [{ key: 'lr', value: '0.1' }],
  metrics: [{ key: 'auc', value: 0.7, step: 2, timestamp: 3 }],
  tags: [{ key: 'team', value: 'Blue' }],
};
const B: TrackedRunWrite = {
  id: 'b'.repeat(32),
  name: 'second',
  startTime: 2,
  params: [{ key: 'lr', value: '0.2' }],
  metrics: [{ key: 'auc', value: 0.5, step: 9, timestamp: 9 }],
};

/** How every implementation of `Tracking` finds runs: order, pages, MLflow's filters. */
export function describeSearch(
  name: string,
  open: () => Promise<OpenTracking>,
  { numRuns = 150 }: { readonly numRuns?: number } = {},
): void {
  const write = (tracking: Tracking, ...runs: TrackedRunWrite[]): Promise<void> =>
    tracking.write({ experiment: 'demo', runs });
  const found = async (tracking: Tracking, search: Partial<RunSearch>): Promise<string> => {
    const { runs } = await tracking.search({ limit: 100, children: true, ...search });
    return runs.map(({ id }) => id.charAt(0)).join('');
  };
  describe(`${name}: search`, () => {
    test('gives the newest first, whole runs only unless asked', async () => {
      await using opened = await open();
      const { tracking } = opened;
      await write(tracking, A, B, { id: 'c'.repeat(32), parent: A.id, startTime: 3 });
      expect(await found(tracking, { children: false })).toBe('ba');
      expect(await found(tracking, {})).toBe('cba');
    });

    test.each([
      ['metrics.auc ASC', 'badc'],
      ['metrics.auc DESC', 'abdc'],
      ['metrics.auc', 'badc'],
      ['params.lr DESC, start_time ASC', 'bacd'],
      ['tags.team', 'adcb'],
      ['attributes.start_time ASC', 'abcd'],
      ['attributes.`Run name` DESC', 'bacd'],
      ['end_time', 'adcb'],
    ])('%s: what lacks the key comes last, NaN before it', async (sort, order) => {
      await using opened = await open();
      const odd = { key: 'auc', value: Number.NaN, step: 0, timestamp: 1 };
      await write(
        opened.tracking,
        A,
        B,
        { id: 'c'.repeat(32), name: 'd', startTime: 3 },
        { id: 'd'.repeat(32), name: 'c', startTime: 4, metrics: [odd] },
      );
      expect(await found(opened.tracking, { sort })).toBe(order);
    });

    test('goes through pages; the last one has no token', async () => {
      await using opened = await open();
      const { tracking } = opened;
      const ids = Array.from({ length: 7 }, (_, n) => `r${n}`);
      await write(tracking, ...ids.map((id) => ({ id, startTime: 1 })));
      const seen: string[][] = [];
      let pageToken: string | undefined;
      do {
        const page = await tracking.search({ limit: 3, children: false, sort: 'run_id', pageToken });
        seen.push(page.runs.map(({ id }) => id));
        pageToken = page.nextPageToken;
      } while (pageToken !== undefined);
      expect(seen).toEqual([['r0', 'r1', 'r2'], ['r3', 'r4', 'r5'], ['r6']]);
      await tracking.remove('r6', 1);
      const full = await tracking.search({ limit: 6, children: false });
      expect(full.nextPageToken).toBeUndefined();
    });

    test.each(['', 'x', 'e30=', 'eyJvZmZzZXQiOi0xfQ==', 'bnVsbA=='])(
      'refuses the token %j',
      async (pageToken) => {
        await using opened = await open();
        await expect(opened.tracking.search({ limit: 1, children: false, pageToken })).rejects.toMatchObject({
          code: 'PAGE_TOKEN_INVALID',
        });
      },
    );
  });

  describe(`${name}: filters`, () => {
    test('find what a plain walk over the same runs finds', async () => {
      await fc.assert(
        fc.asyncProperty(
          runs,
          fc.array(filters, { minLength: 1, maxLength: 8 }),
          async (written, samples) => {
            await using opened = await open();
            await write(opened.tracking, ...written);
            for (const { text, holds } of samples) {
              const page = await opened.tracking.search({
                where: text,
                sort: 'run_id',
                limit: 100,
                children: true,
              });
              expect([text, page.runs.map(({ id }) => id)]).toEqual([
                text,
                written.filter(holds).map(({ id }) => id),
              ]);
            }
          },
        ),
        { numRuns },
      );
    });

    test.each([
      ['metrics.`acc.uracy` > 0.72 and metrics.loss < 0.5', 'x'],
      ['metrics.accuracy > 0.72 AND params.model = "LogisticRegression"', 'x'],
      ["params.`model` LIKE 'Log%'", 'x'],
      ["tags.mlflow.source.type = 'RECIPE'", 'x'],
      ["tags.`mlflow.parentRunId` = 'p'", ''],
      ['tags."mlflow.source.type" = \'RECIPE\'', 'x'],
      ["attributes.status = 'FINISHED'", 'x'],
      ["status != 'FINISHED'", 'y'],
      ['attributes.start_time >= 1664067852747', 'x'],
      ["run_name ILIKE 'EXP%'", 'x'],
      ["attribute.run_id IN ('x', 'z')", 'x'],
      ["datasets.name = 'flights' AND datasets.digest = 'd1'", 'x'],
      ["dataset.context = 'training'", 'x'],
      ['params.model IS NULL', 'y'],
      ['params.model IS NOT NULL', 'x'],
    ])('as MLflow writes them: %s', async (where, ids) => {
      await using opened = await open();
      await write(
        opened.tracking,
        {
          id: 'x',
          name: 'Experiment one',
          startTime: 1_664_067_852_747,
          status: 'FINISHED',
          endTime: 1_664_067_852_748,
          params: [{ key: 'model', value: 'LogisticRegression' }],
          metrics: [
            { key: 'accuracy', value: 0.9, step: 0, timestamp: 1 },
            { key: 'acc.uracy', value: 0.9, step: 0, timestamp: 1 },
            { key: 'loss', value: 0.1, step: 0, timestamp: 1 },
          ],
          tags: [{ key: 'mlflow.source.type', value: 'RECIPE' }],
          datasets: [
            { name: 'flights', digest: 'd1', sourceType: 'local', source: '{}', context: 'training' },
          ],
        },
        { id: 'y', name: 'two', startTime: 1 },
      );
      expect(await found(opened.tracking, { where })).toBe(ids);
    });

    test.each([
      ['=', false],
      ['!=', true],
      ['<', false],
      ['>=', false],
    ])('what is no number %s 0: %s', async (operator, holds) => {
      await using opened = await open();
      const metric = { key: 'm', value: Number.NaN, step: 0, timestamp: 1 };
      await write(opened.tracking, { id: 'x', startTime: 1, metrics: [metric] });
      expect(await found(opened.tracking, { where: `metrics.m ${operator} 0` })).toBe(holds ? 'x' : '');
    });

    test.each([
      `params.lr = '' OR '1'='1'`,
      `params.lr = '0.1'; DROP TABLE runs`,
      `params.lr = '0.1' -- `,
      `params.lr = '0.1' /* x */`,
      'params.`lr` OR 1=1 -- ` = 0',
      `params.lr = '0.1') OR (1=1`,
      `run_id = (SELECT 1)`,
      `1 = 1`,
      `metrics.auc = 1 UNION SELECT 1`,
      `run_id IN (SELECT run_uuid FROM runs)`,
      `params.lr = 0x31`,
      `params.lr = '0.1`,
      'params.`lr = 1',
      'metrics.auc > 1e',
      'metrics.auc > 1.2.3',
      `params.lr = ‘0.1’`,
      `params.lr ＝ '0.1'`,
      `runs.run_uuid = 'a'`,
      `__proto__.x = 'a'`,
      `constructor = 'a'`,
      `attributes.toString = 'a'`,
    ])('what is no filter is refused: %s', async (where) => {
      await using opened = await open();
      await write(opened.tracking, A, B);
      await expect(found(opened.tracking, { where })).rejects.toMatchObject({ code: 'FILTER_INVALID' });
      expect(await found(opened.tracking, {})).toBe('ba');
    });

    test.each([
      [`params.lr = ''' OR ''1''=''1'`, ''],
      ["params.`lr' OR '1'='1` = '0.1'", ''],
      ["params.`x\"; DROP TABLE runs; --` = '0.1'", ''],
      [`tags.team = 'Blue'`, 'a'],
      [`tags.team = 'Ｂlue'`, ''],
      [`tags.team LIKE '\\%'`, ''],
      [`run_name = "first"`, 'a'],
      [`run_name != 'first\t'`, 'ba'],
    ])('quotes end where they end: %s', async (where, ids) => {
      await using opened = await open();
      await write(opened.tracking, A, B);
      expect(await found(opened.tracking, { where })).toBe(ids);
    });
  });
}
