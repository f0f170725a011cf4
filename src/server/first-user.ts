import type { Database } from '../db/sql.ts';
import { hasUsers } from '../tracking/access/users.ts';

/** How long a look at a server of databases is good for, milliseconds: it is far away. */
const LOOK_EVERY = 1000;

/** Whether a server that asks nobody while there are no users has any: from the first one on, for good. */
export class FirstUser {
  readonly #database: Database;
  readonly #monotonic: () => number;
  #isThere = false;
  #look: Promise<boolean> | undefined;
  #lookedAt = 0;

  constructor(database: Database, monotonic: () => number) {
    this.#database = database;
    this.#monotonic = monotonic;
  }

  /** Who asks while another one's look is good shares it. */
  async isThere(): Promise<boolean> {
    if (this.#isThere) return true;
    if (this.#look !== undefined && this.#monotonic() - this.#lookedAt < LOOK_EVERY) return this.#look;
    this.#lookedAt = this.#monotonic();
    const look = this.#lookNow();
    this.#look = look;
    const forget = (): void => {
      if (this.#look === look) this.#look = undefined;
    };
    // A look that failed says nothing to the next who asks.
    look.catch(forget);
    // Into a file for each turn of the loop: what is asked in one had come before the look.
    if (this.#database.dialect === 'sqlite') setImmediate(forget);
    return look;
  }

  async #lookNow(): Promise<boolean> {
    if (await this.#database.read(hasUsers)) this.#isThere = true;
    return this.#isThere;
  }
}
