import { describe, expect, test } from 'vitest';
import type { RunSearch, TrackedRunWrite, Tracking } from '../../src/engine/tracking-port.ts';
import type { OpenTracking } from './describe-tracking.ts';

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
export function describeSearch(name: string, open: () => Promise<OpenTracking>): void {
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
}
