import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { failpoint } from '../core/failpoint.ts';
import type { Fingerprint } from '../core/ids.ts';
import { immediate } from '../db/sqlite.ts';

/** The process that does something, so that others can tell whether it still lives. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Differs after each start of the machine. */
  readonly boot: string;
  /** Start time of the process, as a pid is used again. */
  readonly started: string;
}

interface FlightHolder {
  readonly holder: ProcessIdentity;
  readonly run: string;
}

/**
 * Keeps two processes of one machine from executing the same task at once. It saves work and is not
 * needed for correctness: whoever publishes first wins.
 */
export class SingleFlight {
  readonly #db: DatabaseSync;
  readonly #find: StatementSync;
  readonly #insert: StatementSync;
  readonly #delete: StatementSync;
  readonly #me: ProcessIdentity;
  readonly #run: string;
  readonly #isAlive: (holder: ProcessIdentity) => boolean;

  constructor(
    db: DatabaseSync,
    me: ProcessIdentity,
    run: string,
    isAlive: (holder: ProcessIdentity) => boolean,
  ) {
    this.#db = db;
    this.#find = db.prepare('SELECT pid, boot, started, run FROM flight WHERE fingerprint = ?');
    this.#insert = db.prepare('INSERT OR REPLACE INTO flight VALUES (?, ?, ?, ?, ?, ?)');
    this.#delete = db.prepare('DELETE FROM flight WHERE fingerprint = ? AND run = ?');
    this.#me = me;
    this.#run = run;
    this.#isAlive = isAlive;
  }

  /** Takes the task; gives the living holder if another process has it. */
  take(fingerprint: Fingerprint): FlightHolder | undefined {
    return immediate(this.#db, () => {
      const other = this.holderOf(fingerprint);
      if (other !== undefined) return other;
      this.#insert.run(fingerprint, this.#me.pid, this.#me.boot, this.#me.started, this.#run, 0);
      failpoint('flight.before-commit');
      return undefined;
    });
  }

  /** The other living process that has the task, if one has. */
  holderOf(fingerprint: Fingerprint): FlightHolder | undefined {
    const row = this.#find.get(fingerprint);
    if (row === undefined) return undefined;
    const holder = {
      pid: Number(row['pid']),
      boot: String(row['boot']),
      started: String(row['started']),
    };
    const run = String(row['run']);
    return run !== this.#run && this.#isAlive(holder) ? { holder, run } : undefined;
  }

  release(fingerprint: Fingerprint): void {
    this.#delete.run(fingerprint, this.#run);
  }
}

/** Differs after each start of this machine. */
export function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    // Not Linux: a restart of the machine is then told by the processes' start times alone.
    return hostname();
  }
}
