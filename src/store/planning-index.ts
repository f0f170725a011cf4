import type { DatabaseSync } from 'node:sqlite';
import { immediate } from '../db/sqlite.ts';
import { FileDigests } from './file-digests.ts';
import { openIndex } from './index-db.ts';

/** What making a plan remembers. A store is one. */
export interface PlanningIndex {
  readonly index: DatabaseSync;
  readonly files: FileDigests;
}

/** One in memory, for a project that has nothing on disk yet. */
export function planningIndex(now: () => number): PlanningIndex {
  const index = openIndex(':memory:');
  return { index, files: new FileDigests(index, now) };
}

/** Copies what was learnt from `draft` into the index of a store. */
export function keepPlans(draft: DatabaseSync, index: DatabaseSync): void {
  immediate(index, () => {
    for (const { key, asked, plan, used_at: usedAt } of draft.prepare('SELECT * FROM plan').all())
      index
        .prepare('INSERT OR REPLACE INTO plan VALUES (?, ?, ?, ?)')
        .run(key ?? null, asked ?? null, plan ?? null, usedAt ?? null);
    for (const { key, manifest } of draft.prepare('SELECT * FROM described').all())
      index.prepare('INSERT OR REPLACE INTO described VALUES (?, ?)').run(key ?? null, manifest ?? null);
  });
}
