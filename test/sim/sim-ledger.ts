import { DatabaseSync } from 'node:sqlite';
import { RecipeError } from '../../src/core/recipe-error.ts';
import type { Database, Row, Sql, SqlValue } from '../../src/db/sql.ts';
import { ledgerMigrations } from '../../src/ledger/schema.ts';
import type { MachineClock, SimProcess } from './sim-process.ts';

/** What is seen of a transaction that changed something by whoever checks. */
type OnCommit = (by: SimProcess) => void;

const LOCKING = / FOR (?:NO KEY UPDATE|SHARE)(?: OF \w+)?(?: SKIP LOCKED)?$/;

/**
 * A ledger that processes reach over a network, as they do PostgreSQL: it has a clock of its own, is away now and then,
 * and sometimes commits what it is never heard to have committed. It is SQLite in memory, one transaction at a time: what
 * row locks are for is not tried here.
 */
export class SimLedger implements Disposable {
  readonly #db = new DatabaseSync(':memory:');
  readonly #clock: MachineClock;
  readonly #known = new Map<string, ReturnType<DatabaseSync['prepare']>>();
  readonly #onCommit: OnCommit[] = [];
  isAway = false;
  /** Of a hundred answers to commits, so many are lost. */
  lostAnswers = 0;
  #isBusy = false;
  #changes = 0;

  constructor(clock: MachineClock) {
    this.#clock = clock;
    for (const migration of ledgerMigrations('sqlite')) this.#db.exec(migration);
  }

  /** As a process sees it. */
  of(process: SimProcess): Database {
    return {
      dialect: 'postgres',
      write: async (work) => this.#ask(process, work),
      read: async (work) => this.#ask(process, work),
      [Symbol.asyncDispose]: async () => {},
    };
  }

  onCommit(look: OnCommit): void {
    this.#onCommit.push(look);
  }

  get now(): number {
    return this.#clock.now();
  }

  rows(text: string): Row[] {
    return this.#db.prepare(text).all();
  }

  async #ask<T>(process: SimProcess, work: (sql: Sql) => Promise<T>): Promise<T> {
    const { random } = process.timeline;
    await process.answer(random.below(20), () => {});
    if (this.isAway) return process.answer(random.below(2000), () => this.#lost());
    const value = await this.#transaction(process, work);
    const isHeard = random.below(100) >= this.lostAnswers;
    if (!isHeard) process.timeline.note(process.name, 'does not hear of its commit');
    return process.answer(random.below(20), () => (isHeard ? value : this.#lost()));
  }

  /** All of it within one instant. */
  async #transaction<T>(process: SimProcess, work: (sql: Sql) => Promise<T>): Promise<T> {
    if (this.#isBusy) throw new Error('a transaction waits for something else than its statements');
    this.#isBusy = true;
    this.#db.exec('BEGIN');
    try {
      const value = await work(this.#sql);
      this.#db.exec('COMMIT');
      this.#tell(process);
      return value;
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    } finally {
      this.#isBusy = false;
    }
  }

  /** Whoever checks and fails is no ledger that fails. */
  #tell(process: SimProcess): void {
    const changes = Number(this.#statement('SELECT total_changes() AS count').get()?.['count']);
    if (changes === this.#changes) return;
    this.#changes = changes;
    try {
      for (const look of this.#onCommit) look(process);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }

  #lost(): never {
    throw new RecipeError('DATABASE_UNREACHABLE', { database: 'of the course', problem: 'it is away' });
  }

  readonly #sql: Sql = {
    dialect: 'postgres',
    all: async (text, ...values) => this.#statement(text).all(...values),
    get: async (text, ...values) => {
      if (text.includes('clock_timestamp')) return { now: this.now };
      // There is one transaction at a time.
      return text.includes('pg_advisory_xact_lock') ? {} : this.#statement(text).get(...values);
    },
    run: async (text, ...values) => Number(this.#statement(text).run(...values).changes),
    runMany: async (text, rows: readonly (readonly SqlValue[])[]) => {
      for (const row of rows) this.#statement(text).run(...row);
    },
  };

  #statement(text: string): ReturnType<DatabaseSync['prepare']> {
    const plain = text.replace(LOCKING, '');
    let statement = this.#known.get(plain);
    statement ??= this.#db.prepare(plain);
    this.#known.set(plain, statement);
    return statement;
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }
}
