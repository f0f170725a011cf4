import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { openSqlite } from '../src/db/sqlite.ts';
import { ledgerMigrations } from '../src/ledger/schema.ts';
import { openIndex } from '../src/store/index-db.ts';
import { TRACKING_MIGRATIONS } from '../src/tracking/sqlite/schema.ts';

/** The databases, by the names of their files, and what opens each. */
export const DATABASES = {
  tracking: (path: string) => openSqlite({ path, migrations: TRACKING_MIGRATIONS, durability: 'full' }),
  ledger: (path: string) => openSqlite({ path, migrations: ledgerMigrations('sqlite'), durability: 'full' }),
  index: openIndex,
} as const;

/** The schema of an open database as SQL, with its number: the same text for the same schema. */
export function dumpSchema(db: DatabaseSync): string {
  const rows = db
    .prepare(`SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY name`)
    .all();
  const { user_version: version } = db.prepare('PRAGMA user_version').get() ?? {};
  const statements = rows.map((row) => `${String(row['sql']).replaceAll(/\s+/g, ' ')};\n`);
  return `${statements.join('')}PRAGMA user_version = ${String(version)};\n`;
}

/** The schema that this version makes of an empty file. */
export function freshSchema(name: keyof typeof DATABASES): string {
  const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
  const db = DATABASES[name](join(dir, `${name}.db`));
  try {
    return dumpSchema(db);
  } finally {
    db.close();
    rmSync(dir, { recursive: true });
  }
}
