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

/** Files whose paths begin with a prefix that ends in `/`, by path. */
export async function uploadedBelow(sql: Sql, prefix: string): Promise<Stored[]> {
  const rows = await sql.all(
    'SELECT path, digest, size FROM files WHERE path >= ? AND path < ? ORDER BY path',
    prefix,
    endOf(prefix),
  );
  return rows as unknown as Stored[];
}

/** The first key after all that begin with a prefix that ends in `/`. */
export function endOf(prefix: string): string {
  return `${prefix.slice(0, -1)}0`;
}
