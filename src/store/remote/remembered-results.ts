import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { Fingerprint } from '../../core/ids.ts';
import { immediate } from '../../db/sqlite.ts';
import { parseResult, type Result } from '../results.ts';

const HOUR_MS = 3_600_000;
/** So many results of a remote are written down at once. */
const TOGETHER = 256;

/** What a remote gave within the last hour, in the index of this machine's cache. */
export class RememberedResults implements Disposable {
  readonly #index: DatabaseSync;
  readonly #remote: string;
  readonly #now: () => number;
  readonly #recalled: StatementSync;
  readonly #kept: StatementSync;
  /** What is not written down yet. */
  readonly #fresh = new Map<Fingerprint, { readonly result: string; readonly at: number }>();

  /** @param now milliseconds since the Unix epoch */
  constructor(index: DatabaseSync, remote: string, now: () => number) {
    this.#index = index;
    this.#remote = remote;
    this.#now = now;
    this.#recalled = index.prepare(
      'SELECT result, at FROM remote_result WHERE remote = ? AND fingerprint = ?',
    );
    this.#kept = index.prepare('INSERT OR REPLACE INTO remote_result VALUES (?, ?, ?, ?)');
  }

  get(fingerprint: Fingerprint): Result | undefined {
    const row = this.#fresh.get(fingerprint) ?? this.#recalled.get(this.#remote, fingerprint);
    const age = this.#now() - Number(row?.['at'] ?? 0);
    return row === undefined || age >= HOUR_MS || age < 0
      ? undefined
      : parseResult(String(row['result']), fingerprint);
  }

  add(result: Result): void {
    this.#fresh.set(result.fingerprint, { result: JSON.stringify(result), at: this.#now() });
    if (this.#fresh.size >= TOGETHER) this.#writeDown();
  }

  /** All that the remote gave is asked for again. */
  clear(): void {
    this.#fresh.clear();
    this.#index.prepare('DELETE FROM remote_result WHERE remote = ?').run(this.#remote);
  }

  /** Many in one transaction: what a process that dies knew of the remote is asked for again. */
  #writeDown(): void {
    if (this.#fresh.size === 0) return;
    immediate(this.#index, () => {
      for (const [fingerprint, { result, at }] of this.#fresh)
        this.#kept.run(this.#remote, fingerprint, result, at);
    });
    this.#fresh.clear();
  }

  [Symbol.dispose](): void {
    this.#writeDown();
  }
}
