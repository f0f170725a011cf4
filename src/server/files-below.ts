import type { Digest } from '../core/ids.ts';
import type { Sql } from '../db/sql.ts';
import type { RecordedFile } from '../engine/recorder-port.ts';

/** Files below a folder in the space of artifacts, by their path in it. */
export async function filesBelow(
  sql: Sql,
  folder: string,
  pathOf: (digest: Digest) => string,
): Promise<RecordedFile[]> {
  const rows = await sql.all(
    'SELECT path, digest, size FROM files WHERE path >= ? AND path < ? ORDER BY path',
    `${folder}/`,
    `${folder}0`,
  );
  return rows.map((row) => ({
    path: String(row['path']).slice(folder.length + 1),
    file: pathOf(row['digest'] as Digest),
    digest: row['digest'] as Digest,
    size: Number(row['size']),
  }));
}
