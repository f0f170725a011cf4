import type { DatabaseSync } from 'node:sqlite';
import { openSqlite } from '../../db/sqlite.ts';
import { TRACKING_MIGRATIONS } from './schema.ts';

/** Opens `tracking.db`: what was acknowledged survives a power cut. */
export function openTrackingDb(path: string): DatabaseSync {
  return openSqlite({ path, migrations: TRACKING_MIGRATIONS, durability: 'full' });
}
