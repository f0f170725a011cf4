import type { Row, Sql } from '../../db/sql.ts';
import { inList, listOf } from '../mlflow/in-list.ts';
import { storedNumber } from '../mlflow/stored-number.ts';
import { compareWithHere } from './compare-with-here.ts';
import { copyFolder } from './copy-folder.ts';
import { emptyTally, type ImportTarget, type Tally } from './import-target.ts';
import type { MlflowSource } from './mlflow-source.ts';
import type { SourceLoggedModel } from './source-records.ts';

/** Logged models with their files, but without their metrics, which name runs. */
export async function importLoggedModels(
  target: ImportTarget,
  source: MlflowSource,
): Promise<{ tally: Tally; files: number }> {
  const { database, isDryRun, places } = target;
  const tally = emptyTally();
  let files = 0;
  for await (const page of source.loggedModels()) {
    const wanted = await compareWithHere(target, tally, page, {
      what: 'logged model',
      table: 'logged_models',
      key: 'model_id',
      isSame: isSameModel,
    });
    if (isDryRun) continue;
    await database.write((sql) => write(sql, target, wanted));
    for (const { id, experimentId, location } of wanted) {
      const folder = places.get(experimentId)?.folder;
      files += await copyFolder(target, {
        location,
        base: source.base,
        to: folder === undefined ? undefined : `${folder}/models/${id}/artifacts`,
        expected: folder === undefined ? `models/${id}/artifacts` : undefined,
        name: `logged model ${id}`,
      });
    }
  }
  return { tally, files };
}

/** The points of logged models, after the runs that logged them. */
export async function importModelMetrics(target: ImportTarget, source: MlflowSource): Promise<void> {
  const { database, isDryRun, findings } = target;
  if (isDryRun) return;
  for await (const models of source.loggedModels())
    for await (const page of source.modelMetrics(models.map(({ id }) => id)))
      await database.write(async (sql) => {
        const runs = await known(
          sql,
          'runs',
          'run_uuid',
          page.map(({ run }) => run),
        );
        const there = await known(
          sql,
          'logged_models',
          'model_id',
          page.map(({ model }) => model),
        );
        const points = page.filter(({ run, model }) => {
          if (runs.has(run) && there.has(model)) return true;
          findings.add('skipped', 'metric of a logged model or run that is not there', model);
          return false;
        });
        await sql.runMany(
          `INSERT INTO logged_model_metrics (model_id, key, run_uuid, step, timestamp, value, is_nan, dataset_name, dataset_digest)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
          points.map(({ model, key, run, step, timestamp, value, datasetName, datasetDigest }) => [
            model,
            key,
            run,
            step,
            timestamp,
            ...storedNumber(value),
            datasetName,
            datasetDigest,
          ]),
        );
      });
}

async function known(
  sql: Sql,
  table: 'runs' | 'logged_models',
  column: string,
  ids: readonly string[],
): Promise<ReadonlySet<unknown>> {
  const rows = await sql.all(
    `SELECT ${column} AS id FROM ${table} WHERE ${column} IN ${inList(sql, 'text')}`,
    listOf([...new Set(ids)]),
  );
  return new Set(rows.map((row) => row['id']));
}

function isSameModel(row: Row, model: SourceLoggedModel, experiment: number): boolean {
  return (
    row['experiment_id'] === experiment &&
    row['name'] === model.name &&
    row['status'] === model.status &&
    row['lifecycle_stage'] === model.lifecycle &&
    row['source_run_id'] === model.sourceRun
  );
}

async function write(
  sql: Sql,
  { places }: ImportTarget,
  models: readonly SourceLoggedModel[],
): Promise<void> {
  await sql.runMany(
    `INSERT INTO logged_models (model_id, experiment_id, name, status, model_type, source_run_id, creation_time, last_updated_time, lifecycle_stage)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
    models.map((model) => [
      model.id,
      places.get(model.experimentId)?.id ?? 0,
      model.name,
      model.status,
      model.modelType,
      model.sourceRun,
      model.createdAt,
      model.updatedAt,
      model.lifecycle,
    ]),
  );
  for (const [table, column] of [
    ['logged_model_params', 'params'],
    ['logged_model_tags', 'tags'],
  ] as const)
    await sql.runMany(
      `INSERT INTO ${table} (model_id, key, value) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`,
      models.flatMap((model) => model[column].map(({ key, value }) => [model.id, key, value])),
    );
}
