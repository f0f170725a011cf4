import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import { DATABASES, dumpSchema, freshSchema } from '../../scripts/dump-schema.ts';
import type { Fingerprint } from '../../src/core/ids.ts';
import { openSqlite } from '../../src/db/sqlite.ts';
import { openDatabase } from '../../src/tracking/open-database.ts';
import { SqlRegistry } from '../../src/tracking/sql-registry.ts';
import { SqlTracking } from '../../src/tracking/sql-tracking.ts';
import { CliRig } from '../rigs/cli-rig.ts';

const NAMES = ['tracking', 'index'] as const;

/** A folder with a database of the first version in it, as its dump has it. */
class OldDatabase implements Disposable {
  readonly dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
  readonly path: string;

  constructor(name: (typeof NAMES)[number]) {
    this.path = join(this.dir, `${name}.db`);
    // A dump puts rows in the order of its tables, not of their references.
    const db = new DatabaseSync(this.path, { enableForeignKeyConstraints: false });
    db.exec(readFileSync(join(import.meta.dirname, `${name}-v1.sql`), 'utf8'));
    db.close();
  }

  [Symbol.dispose](): void {
    rmSync(this.dir, { recursive: true });
  }
}

describe.each(NAMES)('%s.db', (name) => {
  // If this fails after a new migration: `npm run golden`. A released migration is never edited.
  test('has the schema that is written down', () => {
    expect(freshSchema(name)).toBe(readFileSync(join(import.meta.dirname, `${name}.schema.sql`), 'utf8'));
  });

  test('of the first version is brought to it', () => {
    using old = new OldDatabase(name);
    const db = DATABASES[name](old.path);
    expect(dumpSchema(db)).toBe(freshSchema(name));
    expect(db.prepare('PRAGMA foreign_key_check').all()).toEqual([]);
    db.close();
  });

  test('that a newer version wrote is refused by every command, and left as it is', async () => {
    await using rig = await CliRig.create({ 'recipe.yaml': 'steps:\n  a: { run: "true" }\n' });
    expect((await rig.recipe('run')).exit).toBe(0);
    const path = join(rig.dir, `.stockpot/${name}.db`);
    const db = new DatabaseSync(path);
    db.exec('PRAGMA user_version = 99; CREATE TABLE of_the_future (x)');
    const newer = dumpSchema(db);
    for (const command of [['run'], ['runs', 'list'], ['models', 'list']]) {
      const { exit, err } = await rig.recipe(...command, '--json');
      expect([command, exit, JSON.parse(err)]).toMatchObject([
        command,
        69,
        { code: 'STORE_TOO_NEW', message: expect.stringContaining(`${name}.db`) },
      ]);
    }
    expect(dumpSchema(db)).toBe(newer);
    db.close();
  });
});

test('what the first version tracked and registered is read as it was', async () => {
  using old = new OldDatabase('tracking');
  await using database = await openDatabase(old.dir, undefined);
  const tracking = new SqlTracking(database, () => 1);
  expect(await tracking.read('bbbb')).toMatchObject({
    experiment: 'flights/delay',
    status: 'FINISHED',
    lifecycle: 'active',
    metrics: { loss: 0.4 },
    datasets: [{ name: 'flights', context: 'training' }],
    artifacts: [{ path: 'model' }],
  });
  expect(await tracking.read('aaaa')).toMatchObject({ children: [{ id: 'bbbb' }] });
  expect(await tracking.cursor('aaaa')).toBe(0);
  const result = 'f'.repeat(64) as Fingerprint;
  expect(await tracking.unseen([result])).toEqual(new Set([result]));
  const registry = new SqlRegistry(database, { now: () => 1, actor: 'me', pins: { keep: async () => {} } });
  expect(await registry.find('delay', { alias: 'champion' })).toMatchObject({
    version: '1',
    tags: { 'stockpot.verdict': 'VALIDATED' },
  });
});

test('a migration that fails leaves the file at the version before', () => {
  const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
  const path = join(dir, 'x.db');
  const open = (...migrations: string[]): DatabaseSync =>
    openSqlite({ path, migrations, durability: 'normal' });
  open('CREATE TABLE a (x)').close();
  expect(() => open('CREATE TABLE a (x)', 'CREATE TABLE b (x); CREATE TABLE a (y)')).toThrow(
    'already exists',
  );
  const db = open('CREATE TABLE a (x)');
  expect(dumpSchema(db)).toBe('CREATE TABLE a (x);\nPRAGMA user_version = 1;\n');
  db.close();
  rmSync(dir, { recursive: true });
});
