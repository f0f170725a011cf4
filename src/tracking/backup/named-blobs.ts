import type { DatabaseSync } from 'node:sqlite';
import type { Digest } from '../../core/ids.ts';
import type { OutputKind } from '../../core/kinds.ts';

/** Bytes that a tracking database names: a file, or a folder by its list of files. */
export interface NamedBlob {
  readonly digest: Digest;
  readonly kind: OutputKind;
}

/** Everything in the store that a tracking file names, each once. */
export function* namedBlobs(db: DatabaseSync): Generator<NamedBlob> {
  const rows = db
    .prepare(
      `SELECT digest, 'file' AS kind FROM files UNION SELECT digest, kind FROM artifacts
       UNION SELECT model_digest, 'model' FROM model_versions WHERE model_digest IS NOT NULL`,
    )
    .iterate();
  for (const row of rows) yield row as unknown as NamedBlob;
}
