import type { Digest } from '../core/ids.ts';
import type { Sql } from '../db/sql.ts';
import type { RecordedFile } from '../engine/recorder-port.ts';
import { uploadedBelow } from './uploaded-files.ts';

/** Files below a folder in the space of artifacts, by their path in it. */
export async function filesBelow(
  sql: Sql,
  folder: string,
  pathOf: (digest: Digest) => string,
): Promise<RecordedFile[]> {
  const files = await uploadedBelow(sql, `${folder}/`);
  return files.map(({ path, digest, size }) => ({
    path: path.slice(folder.length + 1),
    file: pathOf(digest),
    digest,
    size,
  }));
}
