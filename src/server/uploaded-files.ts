import type { Digest } from '../core/ids.ts';
import type { Sql } from '../db/sql.ts';

/** A file in the space of artifacts; its size in bytes. */
export interface Stored {
  readonly path: string;
  readonly digest: Digest;
  readonly size: number;
}

/** A file that a client wrote. */
export async function uploaded(sql: Sql, path: string): Promise<Stored | undefined> {
  const row = await sql.get('SELECT path, digest, size FROM files WHERE path = ?', path);
  return row === undefined ? undefined : (row as unknown as Stored);
}

/**
 * Files whose paths begin with a prefix that ends in `/`, by path; all for the empty one. A prefix is a range
 * of keys: from it to the one that follows everything that begins with it.
 */
export async function uploadedBelow(sql: Sql, prefix: string): Promise<Stored[]> {
  const rows =
    prefix === ''
      ? await sql.all('SELECT path, digest, size FROM files ORDER BY path')
      : await sql.all(
          'SELECT path, digest, size FROM files WHERE path >= ? AND path < ? ORDER BY path',
          prefix,
          `${prefix.slice(0, -1)}0`,
        );
  return rows as unknown as Stored[];
}
