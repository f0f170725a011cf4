import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Database, Row, Sql, SqlValue } from './sql.ts';
import { type OpenOptions, openSqlite } from './sqlite.ts';
import { withGroups } from './with-groups.ts';

/** How many writes share a transaction at most: those behind it wait no longer than that takes. */
const MAX_GROUP = 256;

/** Pages of indexes that many keys write to stay in memory. */
const CACHE_KIB = 32 * 1024;
/** 64 MiB: moved into the file by the thousand pages, most of them would be moved again at once. */
const WAL_PAGES = 16_384;
/** 256 MiB of memory and 512 MiB of log. */
const BULK = 8;

interface Write {
  readonly work: (sql: Sql) => Promise<unknown>;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A database file with one connection that writes and one that reads. Writes asked for in one turn of the
 * loop share a transaction, and so one wait for the disk; each has a savepoint of its own, and is answered
 * after the commit.
 */
export class SqliteDatabase implements Database {
  readonly dialect = 'sqlite';
  readonly #writer: DatabaseSync;
  readonly #reader: DatabaseSync;
  readonly #writes: SqliteSql;
  readonly #reads: SqliteSql;
  #queue: Write[] = [];
  #draining: Promise<void> | undefined;
  #reading: Promise<unknown> = Promise.resolve();

  private constructor(writer: DatabaseSync, reader: DatabaseSync) {
    this.#writer = writer;
    this.#reader = reader;
    this.#writes = new SqliteSql(writer);
    this.#reads = new SqliteSql(reader);
  }

  /**
   * For `bulk` writes more stays in memory: what would be written to the disk many times over is written once.
   *
   * @throws RecipeError STORE_TOO_NEW
   */
  static open(options: OpenOptions, use: 'bulk' | 'serving' = 'serving'): SqliteDatabase {
    const writer = openSqlite(options);
    try {
      const reader = openSqlite(options);
      reader.exec('PRAGMA query_only = ON');
      const times = use === 'bulk' ? BULK : 1;
      writer.exec(
        `PRAGMA cache_size = -${times * CACHE_KIB}; PRAGMA wal_autocheckpoint = ${times * WAL_PAGES}`,
      );
      return new SqliteDatabase(writer, reader);
    } catch (error) {
      writer.close();
      throw error;
    }
  }

  async write<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#queue.push({ work, resolve, reject });
    this.#draining ??= this.#drain();
    return (await promise) as T;
  }

  async read<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    const done = this.#reading.then(async () => {
      this.#reader.exec('BEGIN');
      try {
        return await work(this.#reads);
      } finally {
        this.#reader.exec('ROLLBACK');
      }
    });
    this.#reading = done.catch(() => undefined);
    return done;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#draining;
    await this.#reading;
    this.#reader.close();
    this.#writer.close();
  }

  async #drain(): Promise<void> {
    // What else this turn of the loop asks for comes along.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#queue.length > 0) {
      const group = this.#queue.slice(0, MAX_GROUP);
      this.#queue = this.#queue.slice(MAX_GROUP);
      await this.#commit(group);
    }
    this.#draining = undefined;
  }

  async #commit(group: readonly Write[]): Promise<void> {
    const done: { write: Write; value: unknown }[] = [];
    const failed: { write: Write; error: unknown }[] = [];
    try {
      this.#writer.exec('BEGIN IMMEDIATE');
      for (const write of group) {
        this.#writer.exec('SAVEPOINT one');
        try {
          done.push({ write, value: await write.work(this.#writes) });
        } catch (error) {
          // On a full disk SQLite has rolled back everything by itself.
          if (!this.#writer.isTransaction) throw error;
          this.#writer.exec('ROLLBACK TO one');
          failed.push({ write, error });
        }
        this.#writer.exec('RELEASE one');
      }
      this.#writer.exec('COMMIT');
    } catch (error) {
      if (this.#writer.isTransaction) this.#writer.exec('ROLLBACK');
      for (const { reject } of group) reject(error);
      return;
    }
    for (const { write, value } of done) write.resolve(value);
    for (const { write, error } of failed) write.reject(error);
  }
}

/** Statements of one connection, each prepared once. */
class SqliteSql implements Sql {
  readonly dialect = 'sqlite';
  readonly #db: DatabaseSync;
  readonly #known = new Map<string, StatementSync>();

  constructor(db: DatabaseSync) {
    this.#db = db;
  }

  async all(text: string, ...values: readonly SqlValue[]): Promise<Row[]> {
    return this.#statement(text).all(...values);
  }

  async get(text: string, ...values: readonly SqlValue[]): Promise<Row | undefined> {
    return this.#statement(text).get(...values);
  }

  async run(text: string, ...values: readonly SqlValue[]): Promise<number> {
    return Number(this.#statement(text).run(...values).changes);
  }

  async runMany(text: string, rows: readonly (readonly SqlValue[])[]): Promise<void> {
    let from = 0;
    // Few lengths, so that each is prepared once.
    for (const count of ROWS_AT_ONCE)
      for (; rows.length - from >= count; from += count)
        this.#statement(withGroups(text, count)).run(...rows.slice(from, from + count).flat());
  }

  #statement(text: string): StatementSync {
    let statement = this.#known.get(text);
    if (statement === undefined) {
      // Searches are as many texts as users write: the oldest ones go.
      if (this.#known.size >= MAX_STATEMENTS) {
        const [oldest] = this.#known.keys();
        if (oldest !== undefined) this.#known.delete(oldest);
      }
      statement = this.#db.prepare(text);
      this.#known.set(text, statement);
    }
    return statement;
  }
}

const MAX_STATEMENTS = 500;
/** So many rows go in one statement: more are no faster. */
const ROWS_AT_ONCE = [64, 16, 4, 1];
