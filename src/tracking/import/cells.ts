import { clean } from '../../engine/tracking-limits.ts';
import type { Findings } from './findings.ts';

/** Reads cells of a foreign table, whatever is in them. */
export class Cells {
  readonly #findings: Findings;

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  /** A text that every database can keep; undefined for NULL. `where` names it if it had to be changed. */
  text(value: unknown, where: string): string | undefined {
    if (value === null || value === undefined) return undefined;
    const read = value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : String(value);
    // Bytes that are no UTF-8 come as this character; it hardly ever stands in a text by itself.
    if (!read.includes('\uFFFD') && !read.includes('\0') && read.isWellFormed()) return read;
    this.#findings.add('changed', 'text with bytes that are no UTF-8, or NUL: those are � now', where);
    return clean(read);
  }

  /** A whole number below 2^53; undefined for anything else. */
  whole(value: unknown): number | undefined {
    const number = typeof value === 'string' && value !== '' ? Number(value) : value;
    return typeof number === 'number' && Number.isSafeInteger(number) ? number : undefined;
  }

  /** The same, or zero. */
  time(value: unknown): number {
    return this.whole(value) ?? 0;
  }
}
