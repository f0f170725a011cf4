import { createHash } from 'node:crypto';

/** Texts of writes are few; what is beyond is prepared each time. */
const MAX_NAMES = 500;
/** The connection has no statement of the name, or has one already, or what it gives has other columns now. */
const LOST = new Set(['26000', '42P05', '0A000']);

/**
 * Names by which connections keep statements prepared. A proxy may lend one connection to several processes,
 * each time to another: a name is the same in all of them, and where that is not enough none are used.
 */
export class PostgresStatements {
  readonly #names = new Map<string, string>();
  #isInUse = true;

  /** Undefined for a text that is to be prepared each time. */
  nameOf(text: string): string | undefined {
    if (!this.#isInUse) return undefined;
    const known = this.#names.get(text);
    if (known !== undefined || this.#names.size >= MAX_NAMES) return known;
    const name = `stockpot_${createHash('sha256').update(text).digest('hex').slice(0, 32)}`;
    this.#names.set(text, name);
    return name;
  }

  /** Whether an error, by its code, comes of names. */
  isLost(code: string): boolean {
    return this.#isInUse && LOST.has(code);
  }

  /** If an error comes of names there are none from then on, and the same again passes. */
  giveUpAfter(code: string): boolean {
    if (!this.isLost(code)) return false;
    this.#isInUse = false;
    return true;
  }
}
