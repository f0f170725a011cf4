import type { DatabaseSync } from 'node:sqlite';
import { type Digest, isDigest } from '../../core/ids.ts';
import type { OutputKind } from '../../core/kinds.ts';
import { REPRODUCTION_TAG } from '../../engine/reproduction.ts';

/** Bytes that a tracking database names: a file, or a folder by its list of files. */
export interface NamedBlob {
  readonly digest: Digest;
  readonly kind: OutputKind;
  /** A reproduction that a version names by a tag, which clients may set to anything: what is none is passed over. */
  readonly isTag: boolean;
}

/** Everything in the store that a tracking file names, each once. */
export function* namedBlobs(db: DatabaseSync): Generator<NamedBlob> {
  const rows = db
    .prepare(
      `SELECT digest, 'file' AS kind, 0 AS isTag FROM files UNION SELECT digest, kind, 0 FROM artifacts
       UNION SELECT model_digest, 'model', 0 FROM models_by_digest
       UNION SELECT value, 'directory', 1 FROM model_version_tags WHERE key = ?`,
    )
    .iterate(REPRODUCTION_TAG);
  for (const { digest, kind, isTag } of rows)
    if (isDigest(String(digest)))
      yield { digest: digest as Digest, kind: kind as OutputKind, isTag: isTag === 1 };
}
