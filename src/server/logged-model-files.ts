import type { Digest } from '../core/ids.ts';
import type { Sql } from '../db/sql.ts';
import type { RecordedFile } from '../engine/recorder-port.ts';
import { loggedModelsOf } from '../tracking/mlflow/logged-models.ts';
import type { LoggedModel } from '../tracking/mlflow/messages.ts';
import { requirePath } from './artifact-place.ts';
import { filesBelow } from './files-below.ts';

/**
 * Models that MLflow 3's clients log beside runs, as folders of the run that made them, which is where
 * clients before them log models: `<name>/MLmodel`. Of several of one name the newest has it, the others
 * are `<name>-1`, `<name>-2` in the order they came.
 */
export async function loggedModelFiles(
  sql: Sql,
  {
    own,
    root,
    pathOf,
  }: { readonly own: string; readonly root: string; readonly pathOf: (digest: Digest) => string },
): Promise<{ files: Map<string, RecordedFile[]>; warnings: string[] }> {
  const rows = await sql.all(
    `SELECT m.*, e.artifact_location FROM logged_models m JOIN experiments e ON e.experiment_id = m.experiment_id
     WHERE m.lifecycle_stage = 'active' ORDER BY m.creation_time, m.model_id`,
  );
  const models = await loggedModelsOf(sql, rows, root);
  const isWhole = ({ info }: LoggedModel): boolean => info.status === 'LOGGED_MODEL_READY';
  const files = new Map<string, RecordedFile[]>();
  for (const alike of Map.groupBy(models.filter(isWhole), folderOf(own)).values())
    for (const [index, { info }] of alike.entries()) {
      const name = index === alike.length - 1 ? info.name : `${info.name}-${index + 1}`;
      const below = await filesBelow(sql, requirePath(info.artifact_uri, root), pathOf);
      const run = info.source_run_id === '' ? own : info.source_run_id;
      files.set(run, [
        ...(files.get(run) ?? []),
        ...below.map((file) => ({ ...file, path: `${name}/${file.path}` })),
      ]);
    }
  const torn = models.filter((model) => !isWhole(model));
  return {
    files,
    warnings: torn.map(({ info }) => `the model ${info.name} was not logged to its end, and is not kept`),
  };
}

function folderOf(own: string): (model: LoggedModel) => string {
  return ({ info }) => `${info.source_run_id === '' ? own : info.source_run_id}/${info.name}`;
}
