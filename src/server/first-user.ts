import type { Database, Dialect } from '../db/sql.ts';
import { hasUsers } from '../tracking/access/users.ts';

/** How old a look may be, milliseconds: a file is looked into for each request, a server of databases is far away. */
const LOOK_EVERY: Readonly<Record<Dialect, number>> = { sqlite: 0, postgres: 1000 };

/** Whether a server that asks nobody while there are no users has any: from the first one on, for good. */
export class FirstUser {
  readonly #database: Database;
  readonly #monotonic: () => number;
  #isThere = false;
  #lookedAt = Number.NEGATIVE_INFINITY;

  constructor(database: Database, monotonic: () => number) {
    this.#database = database;
    this.#monotonic = monotonic;
  }

  async isThere(): Promise<boolean> {
    if (this.#isThere) return true;
    const at = this.#monotonic();
    if (at - this.#lookedAt < LOOK_EVERY[this.#database.dialect]) return false;
    if (await this.#database.read(hasUsers)) this.#isThere = true;
    this.#lookedAt = at;
    return this.#isThere;
  }
}
