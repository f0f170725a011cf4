import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Digest } from '../../src/core/ids.ts';
import type { TrackedRunWrite } from '../../src/engine/ports.ts';
import { parseFilter } from '../../src/tracking/filter.ts';
import { openTrackingDb } from '../../src/tracking/sqlite/open-tracking.ts';
import { findRun, searchRuns } from '../../src/tracking/sqlite/search-runs.ts';
import { SqliteRegistry } from '../../src/tracking/sqlite/sqlite-registry.ts';
import { SqliteTracking } from '../../src/tracking/sqlite/sqlite-tracking.ts';

class Rig implements Disposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
  readonly db = openTrackingDb(join(this.dir, 'tracking.db'));
  readonly tracking = new SqliteTracking(this.db, () => 1000);
  readonly pinned: string[] = [];
  readonly registry = new SqliteRegistry(this.db, {
    now: () => 1000,
    actor: 'me',
    pin: (name) => this.pinned.push(name),
  });

  async write(...runs: TrackedRunWrite[]): Promise<void> {
    await this.tracking.write({ experiment: 'demo', runs });
  }

  ids(where: string, sort?: string): string[] {
    return searchRuns(this.db, { where, sort, limit: 100, children: true }).map(({ id }) => id);
  }

  [Symbol.dispose](): void {
    this.db.close();
    rmSync(this.dir, { recursive: true });
  }
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
    { key: 'odd', value: Number.NaN, step: 0, timestamp: 3 },
  ],
  tags: [{ key: 'team', value: 'Blue' }],
};
const B: TrackedRunWrite = {
  id: 'b'.repeat(32),
  name: 'second',
  startTime: 2,
  metrics: [{ key: 'auc', value: 0.5, step: 9, timestamp: 9 }],
  params: [{ key: 'lr', value: '0.2' }],
};

describe('tracked runs', () => {
  test('a batch that is written again changes nothing', async () => {
    using rig = new Rig();
    await rig.write(A, B);
    const before = rig.db.prepare('SELECT count(*) AS n FROM metrics').get();
    const run = findRun(rig.db, A.id);
    await rig.write(A, B);
    expect(findRun(rig.db, A.id)).toEqual(run);
    expect(rig.db.prepare('SELECT count(*) AS n FROM metrics').get()).toEqual(before);
    expect(run).toMatchObject({
      status: 'FINISHED',
      metrics: { auc: 0.7 },
      params: { lr: '0.1' },
      experiment: 'demo',
    });
  });

  test('a run that has ended stays as it ended', async () => {
    using rig = new Rig();
    await rig.write(A);
    await rig.write({ id: A.id, status: 'FAILED', endTime: 9 });
    rig.tracking.kill(A.id, 10);
    expect(findRun(rig.db, A.id)).toMatchObject({ status: 'FINISHED', endTime: 5 });
  });

  test('what an interrupted run left open is KILLED, its steps too', async () => {
    using rig = new Rig();
    await rig.write({ id: B.id, startTime: 1 }, { id: 'c'.repeat(32), parent: B.id, startTime: 1 });
    rig.tracking.kill(B.id, 10);
    expect(rig.ids("status = 'KILLED'")).toHaveLength(2);
  });

  test.each([
    ['metrics.auc > 0.55', ['a']],
    ["params.lr = '0.2'", ['b']],
    ["tags.team LIKE 'Bl%'", ['a']],
    ["tags.team LIKE 'bl%'", []],
    ["tags.team ILIKE 'bl%'", ['a']],
    ["run_name IN ('first', 'second')", ['b', 'a']],
    ["run_name NOT IN ('first')", ['b']],
    ["metrics.auc >= 0.5 AND params.lr != '0.1'", ['b']],
    ['start_time < 2', ['a']],
  ])('%s', async (where, found) => {
    using rig = new Rig();
    await rig.write(A, B);
    expect(rig.ids(where).map((id) => id.charAt(0))).toEqual(found);
  });

  test('are sorted as asked, what lacks the key last', async () => {
    using rig = new Rig();
    await rig.write(A, B, { id: 'd'.repeat(32), startTime: 9 });
    expect(rig.ids("status != 'X'", 'metrics.auc ASC').map((id) => id.charAt(0))).toEqual(['b', 'a', 'd']);
  });
});

describe('the filter', () => {
  test.each([
    ['metrcs.auc > 1', 8],
    ['metrics.auc >', 14],
    ["params.lr = '0.1", 13],
    ['metrics.auc > 1 OR x', 17],
    ['', 1],
  ])('%j is refused with its column', (filter, column) => {
    expect(() => parseFilter(filter)).toThrow(`at column ${column}`);
  });

  test('nothing that a user writes breaks out of its value', async () => {
    using rig = new Rig();
    await rig.write(A);
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (key, value) => {
        const where = `params.\`${key.replaceAll('`', '')}\` = '${value.replaceAll("'", '')}'`;
        if (key.replaceAll('`', '') === '') return;
        expect(rig.ids(where)).toEqual([]);
      }),
    );
    expect(findRun(rig.db, A.id)).toBeDefined();
  });
});

describe('the registry', () => {
  const digest = (letter: string): Digest => letter.repeat(64) as Digest;

  test('gives a model one version, and never uses a number again', async () => {
    using rig = new Rig();
    const ask = (letter: string): ReturnType<typeof rig.registry.register> =>
      rig.registry.register({ name: 'm', modelDigest: digest(letter), modelSize: 1, tags: {} });
    expect(await ask('a')).toMatchObject({ created: true, version: { version: '1' } });
    expect(await ask('b')).toMatchObject({ created: true, version: { version: '2' } });
    expect(await ask('a')).toMatchObject({ created: false, version: { version: '1' } });
    // The blobs are pinned before the row that needs them.
    expect(rig.pinned).toHaveLength(3);
  });

  test('moves an alias only from where it is thought to be', async () => {
    using rig = new Rig();
    for (const letter of ['a', 'b'])
      await rig.registry.register({ name: 'm', modelDigest: digest(letter), modelSize: 1, tags: {} });
    const move = (version: string, expected: string | undefined): ReturnType<typeof rig.registry.moveAlias> =>
      rig.registry.moveAlias({ name: 'm', alias: 'live', version, expected });
    expect(await move('1', undefined)).toEqual({ moved: true, version: '1' });
    expect(await move('2', undefined)).toEqual({ moved: false, version: '1' });
    expect(await move('2', '1')).toEqual({ moved: true, version: '2' });
    expect(rig.registry.history('m').map(({ action, before, after }) => [action, before, after])).toEqual([
      ['register', null, '1'],
      ['register', null, '2'],
      ['alias live', null, '1'],
      ['alias live', '1', '2'],
    ]);
  });
});
