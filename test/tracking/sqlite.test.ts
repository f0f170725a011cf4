import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Digest } from '../../src/core/ids.ts';
import { openTrackingDb } from '../../src/tracking/sqlite/open-tracking.ts';
import { SqliteRegistry } from '../../src/tracking/sqlite/sqlite-registry.ts';
import { SqliteTracking } from '../../src/tracking/sqlite/sqlite-tracking.ts';
import { describeRegistry } from '../conformance/describe-registry.ts';
import { describeSearch } from '../conformance/describe-search.ts';
import { describeTracking, type OpenTracking } from '../conformance/describe-tracking.ts';

describeTracking('SQLite', openTracking);
describeSearch('SQLite', openTracking);

async function openTracking(): Promise<OpenTracking> {
  const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
  const db = openTrackingDb(join(dir, 'tracking.db'));
  return {
    tracking: new SqliteTracking(db, () => 1000),
    [Symbol.asyncDispose]: async () => {
      db.close();
      rmSync(dir, { recursive: true });
    },
  };
}

describeRegistry('SQLite', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
  const pinned: Digest[] = [];
  const opened = [1, 2].map(() => {
    const db = openTrackingDb(join(dir, 'tracking.db'));
    const registry = new SqliteRegistry(db, {
      now: () => 1000,
      actor: 'me',
      pin: async (_, digest) => void pinned.push(digest),
    });
    return { db, registry };
  });
  const [one, two] = opened;
  if (one === undefined || two === undefined) throw new Error('two connections are open');
  return {
    registry: one.registry,
    other: two.registry,
    pinned,
    [Symbol.asyncDispose]: async () => {
      for (const { db } of opened) db.close();
      rmSync(dir, { recursive: true });
    },
  };
});
