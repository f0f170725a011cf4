import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from 'vitest';
import { openDatabase } from '../../src/tracking/open-database.ts';
import { ImportRig } from '../rigs/import-rig.ts';
import { inProcess } from '../rigs/in-process.ts';
import { onPostgres } from '../rigs/on-postgres.ts';

/** What a command says that lists the users of the database at `address`. */
async function refused(rig: ImportRig, address: string): Promise<unknown[]> {
  const { exit, err } = await inProcess(rig.dir, 'server', 'user', 'list', '--json', '--database', address);
  const { code, message, hint } = JSON.parse(err) as Record<string, string>;
  return [exit, code, message?.replaceAll(rig.dir, 'DIR'), hint?.split(':')[0]];
}

describe('a database file', () => {
  test('in a folder that is not there, or that is a folder, cannot be used', async () => {
    await using rig = new ImportRig();
    mkdirSync(join(rig.dir, 'folder'));
    const hint = 'Name a file that you may write to, in a folder that is there.';
    expect(await refused(rig, `sqlite:${rig.dir}/no/dir/x.db`)).toEqual([
      69,
      'DATABASE_UNREACHABLE',
      'Cannot use the database sqlite:DIR/no/dir/x.db: there is no folder DIR/no/dir',
      hint,
    ]);
    expect(await refused(rig, `sqlite:${rig.dir}/folder`)).toEqual([
      69,
      'DATABASE_UNREACHABLE',
      'Cannot use the database sqlite:DIR/folder: it is a folder',
      hint,
    ]);
    rig.write('file', '');
    expect((await refused(rig, `sqlite:${rig.dir}/file/x.db`)).slice(0, 3)).toEqual([
      69,
      'DATABASE_UNREACHABLE',
      'Cannot use the database sqlite:DIR/file/x.db: DIR/file is no folder',
    ]);
  });

  test.each<{ name: string; sql: string; problem: string }>([
    {
      name: 'a table of a name that is ours too',
      sql: 'CREATE TABLE users (id)',
      problem: 'the table users',
    },
    { name: 'other tables', sql: 'CREATE TABLE b (x); CREATE TABLE a (x)', problem: 'the tables a, b' },
    {
      name: 'more tables than are named',
      sql: 'CREATE TABLE a (x); CREATE TABLE b (x); CREATE TABLE c (x); CREATE TABLE d (x)',
      problem: 'the tables a, b, c …',
    },
    {
      name: 'a number of a version',
      sql: 'CREATE TABLE t (x); PRAGMA user_version = 3',
      problem: 'the table t',
    },
    { name: 'such a number alone', sql: 'PRAGMA user_version = 3', problem: 'the version 3 and no tables' },
  ])('of another program, with $name, is refused and stays as it was', async ({ sql, problem }) => {
    await using rig = new ImportRig();
    const db = new DatabaseSync(join(rig.dir, 'other.db'));
    db.exec(sql);
    db.close();
    const before = readFileSync(join(rig.dir, 'other.db'));
    expect(await refused(rig, `sqlite:${rig.dir}/other.db`)).toEqual([
      2,
      'DATABASE_NOT_OURS',
      `DIR/other.db is no database of Stockpot's: it has ${problem}`,
      'Name another one',
    ]);
    expect(readFileSync(join(rig.dir, 'other.db')).equals(before)).toBe(true);
    expect(existsSync(join(rig.dir, 'other.db-wal'))).toBe(false);
  });

  test.each([1, 1000])('that is a text of %i words is refused and stays as it was', async (times) => {
    await using rig = new ImportRig();
    const words = 'word '.repeat(times);
    rig.write('text.db', words);
    expect(await refused(rig, `sqlite:${rig.dir}/text.db`)).toEqual([
      2,
      'DATABASE_NOT_OURS',
      "DIR/text.db is no database of Stockpot's: file is not a database",
      'Name another one',
    ]);
    expect(readFileSync(join(rig.dir, 'text.db'), 'utf8')).toBe(words);
  });

  test('that is new, empty, or one of ours is used', async () => {
    await using rig = new ImportRig();
    rig.write('empty.db', '');
    const db = new DatabaseSync(join(rig.dir, 'dropped.db'));
    db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT); DROP TABLE t');
    db.close();
    for (const name of ['new.db', 'new.db', 'empty.db', 'dropped.db']) {
      const add = await inProcess(
        rig.dir,
        'server',
        'user',
        'list',
        '--database',
        `sqlite:${rig.dir}/${name}`,
      );
      expect([name, add.exit, add.err]).toEqual([name, 0, '']);
    }
  });
});

onPostgres((postgres) => {
  describe('a schema on PostgreSQL', () => {
    test('with tables of another program is refused and stays as it was; an empty one is used', async () => {
      const url = await postgres().newDatabase();
      const name = url.split('/').at(-1) ?? '';
      await postgres().query('CREATE SCHEMA tracking; CREATE TABLE tracking.parcels (id int)', name);
      await using rig = new ImportRig();
      const [exit, code, message] = await refused(rig, url);
      expect([exit, code, message]).toEqual([
        2,
        'DATABASE_NOT_OURS',
        expect.stringMatching(/ \(schema tracking\) is no database of Stockpot's: it has the table parcels$/),
      ]);
      const { rows } = await postgres().query(
        `SELECT relname FROM pg_class WHERE relnamespace = 'tracking'::regnamespace`,
        name,
      );
      expect(rows).toEqual([{ relname: 'parcels' }]);
      await postgres().query('DROP TABLE tracking.parcels', name);
      await (await openDatabase('', url))[Symbol.asyncDispose]();
    });
  });
});
