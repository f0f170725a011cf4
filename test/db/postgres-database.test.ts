import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RecipeError } from '../../src/core/recipe-error.ts';
import { PostgresDatabase } from '../../src/db/postgres-database.ts';
import type { Database, Sql } from '../../src/db/sql.ts';
import { openSqlite } from '../../src/db/sqlite.ts';
import { together } from '../../src/db/together.ts';
import { POSTGRES_TRACKING_MIGRATIONS } from '../../src/tracking/postgres/schema.ts';
import { TRACKING_MIGRATIONS } from '../../src/tracking/sqlite/schema.ts';
import { PostgresRig } from '../rigs/postgres-rig.ts';

const TABLE = 'CREATE TABLE t (id bigint PRIMARY KEY, x bigint NOT NULL DEFAULT 0)';

async function refusal(work: Promise<unknown>): Promise<RecipeError> {
  const error = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(error instanceof RecipeError)) throw new Error('no refusal', { cause: error });
  return error;
}

test('a server that is not there is named, without the password', async () => {
  const url = 'postgres://me:secret@127.0.0.1:1/name?password=secret';
  const error = await refusal(PostgresDatabase.open({ url, schema: 's', migrations: [] }));
  expect([error.code, error.exit, error.message]).toEqual([
    'DATABASE_UNREACHABLE',
    69,
    'Cannot use the database 127.0.0.1:1/name: connect ECONNREFUSED 127.0.0.1:1',
  ]);
  const named = await refusal(
    PostgresDatabase.open({ url: 'postgres://localhost:1/x', schema: 's', migrations: [] }),
  );
  expect(named.message).toMatch(/^Cannot use the database localhost:1\/x: connect ECONNREFUSED/);
});

test('what is no URL is refused without being shown', async () => {
  const url = 'postgres://me:secret@host:port/name';
  const error = await refusal(PostgresDatabase.open({ url, schema: 's', migrations: [] }));
  expect(error.message).toBe('Cannot use the database the given address: Invalid URL');
});

const missing = await PostgresRig.missing();
describe.skipIf(missing !== undefined)(`PostgreSQL${missing === undefined ? '' : ` (${missing})`}`, () => {
  let rig: PostgresRig;
  beforeAll(async () => {
    rig = await PostgresRig.start();
  });
  afterAll(async () => {
    await rig[Symbol.asyncDispose]();
  });
  const open = (
    migrations: readonly string[] = [TABLE],
    schema = rig.newSchema(),
  ): Promise<PostgresDatabase> => PostgresDatabase.open({ url: rig.url, schema, migrations });
  const rows = async (database: Database): Promise<unknown[]> =>
    database.read((sql) => sql.all('SELECT id, x FROM t ORDER BY id'));

  test('many that open at once make the tables once', async () => {
    const schema = rig.newSchema();
    const all = await Promise.all(Array.from({ length: 5 }, () => open([TABLE], schema)));
    await all[0]?.write((sql) => sql.run('INSERT INTO t (id) VALUES (?)', 1));
    for (const database of all) {
      expect(await rows(database)).toEqual([{ id: 1, x: 0 }]);
      await database[Symbol.asyncDispose]();
    }
  });

  test('a later version brings the tables up to date, the earlier one then refuses them', async () => {
    const schema = rig.newSchema();
    await (await open([TABLE], schema))[Symbol.asyncDispose]();
    const more = [TABLE, 'INSERT INTO t (id) VALUES (7); INSERT INTO t (id) VALUES (8)'];
    for (const _ of [1, 2]) {
      await using database = await open(more, schema);
      expect(await rows(database)).toEqual([
        { id: 7, x: 0 },
        { id: 8, x: 0 },
      ]);
    }
    const error = await refusal(open([TABLE], schema));
    expect([error.code, error.exit]).toEqual(['STORE_TOO_NEW', 69]);
    expect(error.message).toContain(`schema ${schema}`);
  });

  test('a migration that fails leaves everything as it was', async () => {
    const schema = rig.newSchema();
    await expect(open([TABLE, `${TABLE.replace(' t ', ' u ')}; CREATE TABLE t ()`], schema)).rejects.toThrow(
      'already exists',
    );
    await using database = await open([TABLE], schema);
    expect(await rows(database)).toEqual([]);
  });

  test('who may not make tables can use those that are there', async () => {
    const schema = rig.newSchema();
    const url = rig.url.replace('test@', 'guest@');
    const guest = { url, schema, migrations: [TABLE] };
    await rig.query('CREATE ROLE guest LOGIN');
    const error = await refusal(PostgresDatabase.open(guest));
    expect([error.code, error.message]).toEqual([
      'DATABASE_UNREACHABLE',
      expect.stringMatching(/: permission denied for database stockpot$/),
    ]);
    await (await open([TABLE], schema))[Symbol.asyncDispose]();
    await rig.query(
      `GRANT USAGE ON SCHEMA ${schema} TO guest; GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA ${schema} TO guest`,
    );
    await using database = await PostgresDatabase.open(guest);
    await database.write((sql) => sql.run('INSERT INTO t (id) VALUES (?)', 1));
    expect(await rows(database)).toEqual([{ id: 1, x: 0 }]);
  });

  test('a database that is not there is refused with the reason', async () => {
    const url = rig.urlOf('absent');
    const error = await refusal(PostgresDatabase.open({ url, schema: 's', migrations: [] }));
    expect(error.message).toMatch(/\/absent: database "absent" does not exist$/);
  });

  test('a write is all or nothing, and its error is passed on', async () => {
    await using database = await open();
    const boom = new Error('boom');
    const write = database.write(async (sql) => {
      await sql.run('INSERT INTO t (id) VALUES (?)', 1);
      throw boom;
    });
    await expect(write).rejects.toBe(boom);
    expect(await rows(database)).toEqual([]);
  });

  test('a write that goes on after a statement that failed is not taken for done', async () => {
    await using database = await open();
    const write = database.write(async (sql) => {
      await sql.run('INSERT INTO t (id) VALUES (?)', 1);
      await sql.run('INSERT INTO absent VALUES (1)').catch(() => 0);
    });
    await expect(write).rejects.toThrow('Internal error');
    expect(await rows(database)).toEqual([]);
  });

  test('numbers come as numbers, changes are counted', async () => {
    await using database = await open();
    const most = Number.MAX_SAFE_INTEGER;
    await database.write((sql) => sql.run('INSERT INTO t VALUES (?, ?), (2, 5)', most, -most));
    expect(await rows(database)).toEqual([
      { id: 2, x: 5 },
      { id: most, x: -most },
    ]);
    expect(await database.write((sql) => sql.run('UPDATE t SET x = 1'))).toBe(2);
    expect(await database.read((sql) => sql.get('SELECT count(*) AS n FROM t'))).toEqual({ n: 2 });
    expect(await database.read((sql) => sql.get('SELECT id FROM t WHERE x = ?', 9))).toBeUndefined();
  });

  test('one INSERT takes more rows than a statement has values', async () => {
    await using database = await open();
    const many = Array.from({ length: 40_000 }, (_, n) => [n, n]);
    await database.write(async (sql) => {
      const text = 'INSERT INTO t (id, x) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET x = excluded.x + 1';
      await sql.runMany(text, many);
      await sql.runMany(text, many);
      await sql.runMany(text, []);
    });
    expect(
      await database.read((sql) => sql.get('SELECT count(*) AS n, sum(x - id)::bigint AS d FROM t')),
    ).toEqual({ n: 40_000, d: 40_000 });
  });

  test('work that is done at once sends nothing after its end, and one statement that fails undoes it', async () => {
    await using database = await open();
    const add = 'INSERT INTO t (id) VALUES (?)';
    const late = database.write(async (sql) => {
      await sql.run(add, 1);
      await sql.run(add, 2);
    }, 'at-once');
    await expect(late).rejects.toThrow('Internal error: work that is done at once sent a statement later');
    expect(await rows(database)).toEqual([{ id: 1, x: 0 }]);
    const failing = database.write(
      (sql) =>
        together(
          () => sql.run(add, 3),
          () => sql.run('SELECT 1 / ?', 0),
          () => sql.run(add, 4),
        ),
      'at-once',
    );
    await expect(failing).rejects.toThrow('division by zero');
    const two = (sql: Sql): Promise<unknown> =>
      together(
        () => sql.run(add, 5),
        () => sql.run(add, 6),
      );
    await database.write(two, 'at-once');
    expect((await rows(database)).length).toBe(3);
  });

  test('of statements that are under way at once the error of the first one that failed is told', async () => {
    await using database = await open();
    const write = database.write(async (sql) => {
      const [failing, next] = [sql.run('SELECT 1 / ?', 0), sql.run('SELECT 1')];
      failing.catch(() => undefined);
      await next;
    });
    await expect(write).rejects.toThrow('division by zero');
  });

  test('statements that a connection keeps prepared may be lost, or change what they give', async () => {
    const add = (database: Database): Promise<unknown> =>
      database.write((sql) => sql.get('INSERT INTO t (id) SELECT count(*) FROM t RETURNING *'));
    await using database = await open();
    await add(database);
    await database.write((sql) => sql.run('DEALLOCATE ALL'));
    expect(await add(database)).toEqual({ id: 1, x: 0 });
    await using another = await open();
    await add(another);
    await another.write((sql) => sql.run('ALTER TABLE t ADD COLUMN y bigint'));
    expect(await add(another)).toEqual({ id: 1, x: 0, y: null });
  });

  test('so may what it keeps for work that is done at once, and a failure says nothing of what it kept', async () => {
    await using database = await open();
    const add = (id: number): Promise<unknown> =>
      database.write((sql) => sql.get('INSERT INTO t (id) VALUES (?) RETURNING *', id), 'at-once');
    await expect(add(Number.NaN)).rejects.toThrow('invalid input syntax');
    for (const id of [1, 2]) expect(await add(id)).toEqual({ id, x: 0 });
    await database.write((sql) => sql.run('DEALLOCATE ALL'));
    expect(await add(3)).toEqual({ id: 3, x: 0 });
    await using another = await open();
    await another.write((sql) => sql.run('INSERT INTO t (id) VALUES (?)', 1), 'at-once');
    // The same text in a transaction of its own message: the connection knows it by two names.
    await another.write((sql) => sql.run('INSERT INTO t (id) VALUES (?)', 2));
    await another.write((sql) => sql.run('INSERT INTO t (id) VALUES (?)', 3), 'at-once');
    expect(await rows(another)).toHaveLength(3);
  });

  test('work that is done at once and asks for nothing sends nothing', async () => {
    await using database = await open();
    expect(await database.write(async () => 7, 'at-once')).toBe(7);
    const boom = new Error('boom');
    await expect(database.write(() => Promise.reject(boom), 'at-once')).rejects.toBe(boom);
    const heard = database.write((sql) => sql.run('SELECT 1 / ?', 0).catch(() => 0), 'at-once');
    await expect(heard).rejects.toThrow('Internal error: a transaction went on');
  });

  test('an INSERT of many rows takes any text, number and null', async () => {
    await using database = await open(['CREATE TABLE t (id bigint, x text, y double precision)']);
    const texts = ['', 'NULL', '{a,"b"}', String.raw`\"`, "it's", 'a,b', ' ', 'ö\n\t😀', null];
    const values = texts.map((x, id) => [id, x, id === 3 ? null : 5e-324 * id]);
    await database.write((sql) => sql.runMany('INSERT INTO t (id, x, y) VALUES (?, ?, ?)', values));
    const found = await database.read((sql) => sql.all('SELECT * FROM t ORDER BY id'));
    expect(found.map(({ id, x, y }) => [id, x, y])).toEqual(values);
    const wrong = ['INSERT INTO t SELECT ?', 'INSERT INTO t (z) VALUES (?)'];
    for (const text of wrong)
      await expect(database.write((sql) => sql.runMany(text, [[1], [2]]))).rejects.toThrow('Internal error');
  });

  test('a read sees what was committed when it began, and writes nothing', async () => {
    await using database = await open();
    await database.read(async (sql) => {
      expect(await sql.all('SELECT * FROM t')).toEqual([]);
      await database.write((other) => other.run('INSERT INTO t (id) VALUES (1)'));
      expect(await sql.all('SELECT * FROM t')).toEqual([]);
    });
    expect(await rows(database)).toHaveLength(1);
    await expect(database.read((sql) => sql.run('DELETE FROM t'))).rejects.toThrow('read-only');
  });

  test('writes that wait for each other both come through', async () => {
    await using database = await open();
    await database.write((sql) => sql.run('INSERT INTO t VALUES (1, 0), (2, 0)'));
    const met = Promise.withResolvers<undefined>();
    let waiting = 0;
    const add = (first: number, second: number): Promise<void> =>
      database.write(async (sql) => {
        await sql.run('UPDATE t SET x = x + 1 WHERE id = ?', first);
        waiting += 1;
        if (waiting === 2) met.resolve(undefined);
        await met.promise;
        await sql.run('UPDATE t SET x = x + 1 WHERE id = ?', second);
      });
    await Promise.all([add(1, 2), add(2, 1)]);
    // One gave way; on a busy machine it may meet the other a second time.
    expect(waiting).toBeGreaterThanOrEqual(3);
    expect(await rows(database)).toEqual([
      { id: 1, x: 2 },
      { id: 2, x: 2 },
    ]);
  });

  test('a connection that is cut fails its write; the next one has another', async () => {
    await using database = await open();
    const cut = (): Promise<unknown> =>
      rig.query(
        `SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
         WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`,
      );
    const betweenStatements = database.write(async (sql) => {
      await sql.run('INSERT INTO t (id) VALUES (1)');
      await cut();
      await sql.run('INSERT INTO t (id) VALUES (2)');
    });
    const error = await refusal(betweenStatements);
    expect([error.code, error.message]).toEqual([
      'DATABASE_UNREACHABLE',
      expect.stringMatching(/: (terminating connection due to administrator command|Connection terminated)/),
    ]);
    const ownError = database.write(async (sql) => {
      await sql.run('INSERT INTO t (id) VALUES (1)');
      await cut();
      throw new RangeError('its own');
    });
    await expect(ownError).rejects.toThrow(RangeError);
    const withinStatement = database.write((sql) => sql.run('SELECT pg_terminate_backend(pg_backend_pid())'));
    expect((await refusal(withinStatement)).code).toBe('DATABASE_UNREACHABLE');
    const withinMessage = database.write(
      (sql) =>
        together(
          () => sql.run('INSERT INTO t (id) VALUES (1)'),
          () => sql.run('SELECT pg_terminate_backend(pg_backend_pid())'),
        ),
      'at-once',
    );
    expect((await refusal(withinMessage)).code).toBe('DATABASE_UNREACHABLE');
    expect(await rows(database)).toEqual([]);
  });

  test('more at once than there are connections wait their turn', async () => {
    await using database = await open();
    await Promise.all(
      Array.from({ length: 100 }, (_, n) =>
        database.write((sql) => sql.run('INSERT INTO t (id) VALUES (?)', n)),
      ),
    );
    expect(await rows(database)).toHaveLength(100);
  });

  /** SQLite keeps the latest metrics by key; PostgreSQL has views of the same names. */
  const OF_SQLITE = /^(?:metric_columns\.|metric_values\.|stale_runs\.|runs\.run_seq)/;

  test('the tracking store has the tables and columns of its SQLite file', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
    const db = openSqlite({ path: join(dir, 'x.db'), migrations: TRACKING_MIGRATIONS, durability: 'normal' });
    const text = (row: Readonly<Record<string, unknown>>): string =>
      `${String(row['t'])}.${String(row['c'])}${Number(row['n']) === 1 ? ' not null' : ''}`;
    const expected = db
      .prepare(
        `SELECT m.name AS t, c.name AS c, c."notnull" OR c.pk AS n FROM sqlite_schema m, pragma_table_info(m.name) c
         WHERE m.type IN ('table', 'view') AND m.name NOT LIKE 'sqlite%'`,
      )
      .all()
      .filter((row) => row['t'] !== 'models_by_digest' || ((row['n'] = 0), true))
      .map(text)
      .filter((column) => !OF_SQLITE.test(column));
    const indexes = db
      .prepare(`SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY name`)
      .all()
      .map((row) => row['name']);
    db.close();
    rmSync(dir, { recursive: true });
    const schema = rig.newSchema();
    await using database = await open(POSTGRES_TRACKING_MIGRATIONS, schema);
    const found = await database.read((sql) =>
      sql.all(
        `SELECT table_name AS t, column_name AS c, CASE is_nullable WHEN 'NO' THEN 1 ELSE 0 END AS n
         FROM information_schema.columns WHERE table_schema = ? AND table_name <> 'schema_version'`,
        schema,
      ),
    );
    expect(
      found
        .map(text)
        .filter((column) => !OF_SQLITE.test(column))
        .toSorted(),
    ).toEqual(expected.toSorted());
    const foundIndexes = await database.read((sql) =>
      sql.all(
        `SELECT indexname AS name FROM pg_indexes WHERE schemaname = ? AND indexname NOT LIKE '%key' ORDER BY 1`,
        schema,
      ),
    );
    expect(
      foundIndexes
        .map(({ name }) => String(name))
        .filter((name) => !name.endsWith('_pkey') && name !== 'metrics_by_value'),
    ).toEqual(indexes.filter((name) => name !== 'runs_by_seq'));
    const collations = await database.read((sql) =>
      sql.all(
        `SELECT DISTINCT collation_name AS c FROM information_schema.columns
         WHERE table_schema = ? AND data_type = 'text'`,
        schema,
      ),
    );
    expect(collations).toEqual([{ c: 'C' }]);
  });
});
