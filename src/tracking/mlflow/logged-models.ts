import type { Row, Sql } from '../../db/sql.ts';
import { checkLength, checkParam, checkTag } from './check.ts';
import { checkActive } from './check-active.ts';
import { activeExperiment, locationOf } from './experiments.ts';
import { inList, listOf } from './in-list.ts';
import type { LoggedModel, ModelStatus, Param, Tag } from './messages.ts';
import { invalid, missing } from './mlflow-error.ts';
import { noLoggedModel, requireLoggedModels } from './require-logged-models.ts';
import { metricOf } from './runs.ts';

export interface NewLoggedModel {
  readonly id: string;
  readonly experimentId: string;
  readonly name: string;
  readonly modelType: string;
  /** Empty for a model that no run made. */
  readonly sourceRun: string;
  readonly params: readonly Param[];
  readonly tags: readonly Tag[];
}

const MAX_NAME = 500;

/** What a log-batch may hold of each holds here too. */
const MAX_PARAMS = 100;

/** The model is pending until its files are there: `finalizeLoggedModel`. */
export async function createLoggedModel(sql: Sql, model: NewLoggedModel, now: number): Promise<void> {
  checkName(model.name);
  checkLength('Model type', model.modelType, MAX_NAME);
  const experiment = await activeExperiment(sql, model.experimentId);
  if (model.sourceRun !== '') await checkActive(sql, model.sourceRun);
  await sql.run(
    `INSERT INTO logged_models (model_id, experiment_id, name, status, model_type, source_run_id, creation_time, last_updated_time)
     VALUES (?, ?, ?, 'LOGGED_MODEL_PENDING', ?, ?, ?, ?)`,
    model.id,
    experiment,
    model.name,
    model.modelType,
    model.sourceRun,
    now,
    now,
  );
  await logLoggedModelParams(sql, model.id, model.params);
  await setLoggedModelTags(sql, model.id, model.tags);
}

export async function finalizeLoggedModel(
  sql: Sql,
  id: string,
  status: ModelStatus,
  now: number,
): Promise<void> {
  await requireLoggedModels(sql, [id]);
  await sql.run(
    'UPDATE logged_models SET status = ?, last_updated_time = ? WHERE model_id = ?',
    status,
    now,
    id,
  );
}

/** It is found no more; what is known of it stays, as with runs. */
export async function deleteLoggedModel(sql: Sql, id: string, now: number): Promise<void> {
  await requireLoggedModels(sql, [id]);
  await sql.run(
    `UPDATE logged_models SET lifecycle_stage = 'deleted', last_updated_time = ? WHERE model_id = ?`,
    now,
    id,
  );
}

/** @throws MlflowError RESOURCE_DOES_NOT_EXIST, also for one that is deleted */
export async function readLoggedModel(sql: Sql, id: string, root: string): Promise<LoggedModel> {
  const row = await sql.get(
    `SELECT m.*, e.artifact_location FROM logged_models m JOIN experiments e ON e.experiment_id = m.experiment_id
     WHERE m.model_id = ? AND m.lifecycle_stage = 'active'`,
    id,
  );
  if (row === undefined) throw noLoggedModel(id);
  return (await loggedModelsOf(sql, [row], root))[0] as LoggedModel;
}

/** Rows of `logged_models` with the place of their experiment, whole. */
export async function loggedModelsOf(sql: Sql, rows: readonly Row[], root: string): Promise<LoggedModel[]> {
  const ids = listOf(rows.map((row) => String(row['model_id'])));
  const of = async (table: string, orderBy: string): Promise<Map<string, Row[]>> => {
    const found = await sql.all(
      `SELECT * FROM ${table} WHERE model_id IN ${inList(sql, 'text')} ORDER BY model_id, ${orderBy}`,
      ids,
    );
    return Map.groupBy(found, (row) => String(row['model_id']));
  };
  const tags = await of('logged_model_tags', 'key');
  const params = await of('logged_model_params', 'key');
  const metrics = await of('logged_model_metrics', 'key, step, timestamp, value');
  return rows.map((row) => {
    const id = String(row['model_id']);
    return {
      info: {
        model_id: id,
        experiment_id: String(row['experiment_id']),
        name: String(row['name']),
        creation_timestamp_ms: Number(row['creation_time']),
        last_updated_timestamp_ms: Number(row['last_updated_time']),
        artifact_uri: `${locationOf(row, root)}/models/${id}/artifacts`,
        status: row['status'] as ModelStatus,
        model_type: String(row['model_type']),
        source_run_id: String(row['source_run_id']),
        tags: (tags.get(id) ?? []).map(pairOf),
      },
      data: {
        params: (params.get(id) ?? []).map(pairOf),
        metrics: (metrics.get(id) ?? []).map((metric) => ({
          ...metricOf(metric),
          model_id: id,
          run_id: String(metric['run_uuid']),
          ...(metric['dataset_name'] === '' ? {} : { dataset_name: String(metric['dataset_name']) }),
          ...(metric['dataset_digest'] === '' ? {} : { dataset_digest: String(metric['dataset_digest']) }),
        })),
      },
    };
  });
}

/** The last of several values for a key stays. */
export async function setLoggedModelTags(sql: Sql, id: string, tags: readonly Tag[]): Promise<void> {
  for (const tag of tags) checkTag(tag);
  await requireLoggedModels(sql, [id]);
  await sql.runMany(
    'INSERT INTO logged_model_tags (model_id, key, value) VALUES (?, ?, ?) ON CONFLICT (model_id, key) DO UPDATE SET value = excluded.value',
    Array.from(new Map(tags.map(({ key, value }) => [key, value])), ([key, value]) => [id, key, value]),
  );
}

export async function deleteLoggedModelTag(sql: Sql, id: string, key: string): Promise<void> {
  await requireLoggedModels(sql, [id]);
  if ((await sql.run('DELETE FROM logged_model_tags WHERE model_id = ? AND key = ?', id, key)) === 0)
    throw missing(`No tag with key '${key.slice(0, 80)}' for model with ID '${id}'.`);
}

/** A parameter keeps its first value: the same again is fine, another is refused. */
export async function logLoggedModelParams(sql: Sql, id: string, params: readonly Param[]): Promise<void> {
  if (params.length > MAX_PARAMS)
    throw invalid(`A request can contain at most ${MAX_PARAMS} params of a model. Got ${params.length}.`);
  for (const param of params) checkParam(param);
  await requireLoggedModels(sql, [id]);
  await sql.runMany(
    'INSERT INTO logged_model_params (model_id, key, value) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
    params.map(({ key, value }) => [id, key, value]),
  );
  const rows = await sql.all('SELECT key, value FROM logged_model_params WHERE model_id = ?', id);
  const stored = new Map(rows.map((row) => [row['key'], row['value']]));
  const changed = params.find(({ key, value }) => stored.get(key) !== value);
  if (changed !== undefined)
    throw invalid(
      `Changing param values is not allowed. Param with key='${changed.key}' was already logged with value='${String(stored.get(changed.key))}' for model ID='${id}'. Attempted logging new value '${changed.value}'.`,
    );
}

/** A model's name stands in URIs. */
function checkName(name: string): void {
  if (name === '' || /[/:.%"']/.test(name))
    throw invalid(
      `Invalid model name (${name.slice(0, 80)}) provided. Model name must be a non-empty string and cannot contain the following characters: ('/', ':', '.', '%', '"', "'")`,
    );
  checkLength('Model name', name, MAX_NAME);
}

function pairOf(row: Row): Tag {
  return { key: String(row['key']), value: String(row['value']) };
}
