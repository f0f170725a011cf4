import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqlite } from '../../src/db/sqlite.ts';
import { TRACKING_MIGRATIONS } from '../../src/tracking/sqlite/schema.ts';

let fresh: Buffer | undefined;

/**
 * Puts a new tracking database where there is none. Its tables are made once and copied: to make them anew for each test
 * takes longer than most tests.
 */
export function layFreshTracking(path: string): void {
  fresh ??= make();
  writeFileSync(path, fresh);
}

function make(): Buffer {
  const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
  const path = join(dir, 'tracking.db');
  openSqlite({ path, migrations: TRACKING_MIGRATIONS, durability: 'normal' }).close();
  const bytes = readFileSync(path);
  rmSync(dir, { recursive: true });
  return bytes;
}
