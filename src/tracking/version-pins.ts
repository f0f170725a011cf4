import type { Digest } from '../core/ids.ts';
import type { Database, Sql } from '../db/sql.ts';
import { REPRODUCTION_TAG } from '../engine/reproduction.ts';
import { digestOf } from '../store/hash.ts';
import { isPinned, pin, unpin, unpinInAllHomes } from '../store/roots.ts';
import type { Store } from '../store/store.ts';

/** What a model version needs to stay in the store: its model, or what it can be made from again. */
export interface VersionBlob {
  readonly kind: 'model' | 'reproduction';
  readonly digest: Digest;
}

export interface VersionPinsOptions {
  readonly store: Pick<Store, 'layout'>;
  readonly home: string;
  /** The address of the database that the versions are in, without credentials; undefined for the home's own. */
  readonly database: string | undefined;
}

/**
 * Pins for the versions in one database. They are named by it: what one database does not need any more,
 * another one that the same home writes to may.
 */
export class VersionPins {
  readonly #options: VersionPinsOptions;

  constructor(options: VersionPinsOptions) {
    this.#options = options;
  }

  /** Before the row of a version is written, and again when it is there: `release` may have come in between. */
  async keep(blob: VersionBlob): Promise<void> {
    const { store, home } = this.#options;
    const name = this.#nameOf(blob);
    if (isPinned(store, home, name)) return;
    const { digest, kind } = blob;
    await pin(store, home, name, [{ digest, kind: kind === 'model' ? 'model' : 'directory' }]);
  }

  /** Once the rows of versions are gone: what no other version in the database needs is left to gc. */
  async release(database: Database, blobs: readonly VersionBlob[]): Promise<void> {
    const { store, home, database: address } = this.#options;
    for (const blob of blobs) {
      const isNeeded = (): Promise<boolean> => database.read((sql) => isNamed(sql, blob));
      if (await isNeeded()) continue;
      const name = this.#nameOf(blob);
      if (address === undefined) unpin(store, home, name);
      // Of several servers on a database each has a home.
      else unpinInAllHomes(store, name);
      if (await isNeeded()) await this.keep(blob);
    }
  }

  #nameOf({ kind, digest }: VersionBlob): string {
    const { database } = this.#options;
    return `${kind}-${digest}${database === undefined ? '' : `-${digestOf(database).slice(0, 16)}`}`;
  }
}

/** What a version needs, or all versions of a model. */
export async function blobsOfVersions(
  sql: Sql,
  name: string,
  version: string | undefined,
): Promise<VersionBlob[]> {
  const number = version === undefined || !/^\d{1,15}$/.test(version) ? null : Number(version);
  const rows = await sql.all(
    `SELECT 'model' AS kind, model_digest AS digest FROM models_by_digest WHERE name = ? AND version = coalesce(?, version)
     UNION SELECT 'reproduction', value FROM model_version_tags WHERE key = ? AND name = ? AND version = coalesce(?, version)`,
    name,
    number,
    REPRODUCTION_TAG,
    name,
    number,
  );
  return rows.map((row) => ({ kind: row['kind'] as VersionBlob['kind'], digest: row['digest'] as Digest }));
}

async function isNamed(sql: Sql, { kind, digest }: VersionBlob): Promise<boolean> {
  const row =
    kind === 'model'
      ? await sql.get('SELECT 1 AS found FROM models_by_digest WHERE model_digest = ? LIMIT 1', digest)
      : await sql.get(
          'SELECT 1 AS found FROM model_version_tags WHERE key = ? AND value = ? LIMIT 1',
          REPRODUCTION_TAG,
          digest,
        );
  return row !== undefined;
}
