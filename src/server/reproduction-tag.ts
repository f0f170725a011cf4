import type { Digest } from '../core/ids.ts';
import type { Sql } from '../db/sql.ts';
import { REPRODUCTION_TAG } from '../engine/reproduction.ts';
import { invalid } from '../tracking/mlflow/mlflow-error.ts';
import { addressOfCopy } from '../tracking/mlflow/model-versions.ts';

/**
 * The server serves what a model can be made from again by the tag of a version that its own home registered. Anybody can write a
 * list of files that names blobs of others: such a version gets no such tag but one that its model has here.
 *
 * @throws MlflowError INVALID_PARAMETER_VALUE
 */
export async function checkReproductionTag(
  sql: Sql,
  { source, digest }: { readonly source: string; readonly digest: Digest | undefined },
  tags: readonly { readonly key: string; readonly value: string }[],
): Promise<void> {
  if (digest === undefined || source !== addressOfCopy(digest)) return;
  for (const { key, value } of tags)
    if (key === REPRODUCTION_TAG && !(await isReproducedBy(sql, digest, value)))
      throw invalid(`The tag ${REPRODUCTION_TAG} of this version is set by who makes its model.`);
}

/** A version of a model that lies in the server's own place, with the tag of what that can be made from. */
export const REPRODUCED = `SELECT 1 AS found FROM models_by_digest v JOIN model_version_tags t ON t.name = v.name AND t.version = v.version
  WHERE v.source = 'mlflow-artifacts:/models/' || v.model_digest AND t.key = '${REPRODUCTION_TAG}' AND t.value = ?`;

async function isReproducedBy(sql: Sql, digest: Digest, value: string): Promise<boolean> {
  return (await sql.get(`${REPRODUCED} AND v.model_digest = ?`, value, digest)) !== undefined;
}
