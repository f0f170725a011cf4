import { createHash } from 'node:crypto';
import type { Sql } from '../../db/sql.ts';
import { together } from '../../db/together.ts';
import {
  checkDataset,
  checkLength,
  checkMetric,
  checkParam,
  checkRunId,
  checkTag,
  fitParam,
  fitTag,
  MAX_ENTITIES,
  MAX_METRICS,
  MAX_PARAMS,
  MAX_TAGS,
} from './check.ts';
import { checkActive } from './check-active.ts';
import { writeModelMetrics } from './logged-model-metrics.ts';
import type { DatasetInput, NewMetric, Param, Tag } from './messages.ts';
import { invalid, missing } from './mlflow-error.ts';
import { pythonText } from './python-text.ts';
import { writeMetrics } from './write-metrics.ts';

export interface Batch {
  readonly metrics: readonly NewMetric[];
  readonly params: readonly Param[];
  readonly tags: readonly Tag[];
}

/** All of a batch; the caller's transaction makes it that or nothing. */
export async function logBatch(sql: Sql, run: string, batch: Batch): Promise<void> {
  const { metrics } = batch;
  const params = batch.params.map(fitParam);
  const tags = batch.tags.map(fitTag);
  checkRunId(run);
  for (const [index, metric] of metrics.entries()) checkMetric(metric, `metrics[${index}].`);
  for (const [index, param] of params.entries()) checkParam(param, `params[${index}].`);
  for (const [index, tag] of tags.entries()) checkTag(tag, `tags[${index}].`);
  checkCounts(batch);
  checkKeysUnique(params);
  await together(
    () => checkActive(sql, run),
    () => writeParams(sql, run, params, changedInBatch),
    () => writeMetrics(sql, run, metrics),
    () => writeModelMetrics(sql, run, metrics),
    () => writeTags(sql, run, tags),
  );
}

function checkCounts({ metrics, params, tags }: Batch): void {
  for (const [what, count, limit] of [
    ['metrics', metrics.length, MAX_METRICS],
    ['params', params.length, MAX_PARAMS],
    ['tags', tags.length, MAX_TAGS],
    ['metrics, params, and tags', metrics.length + params.length + tags.length, MAX_ENTITIES],
  ] as const)
    if (count > limit)
      throw invalid(
        `A batch logging request can contain at most ${limit} ${what}. Got ${count} ${what}. Please split up ${what} across multiple requests and try again.`,
      );
}

function checkKeysUnique(params: readonly Param[]): void {
  const seen = new Set<string>();
  const again = params.filter(({ key }) => {
    const isAgain = seen.has(key);
    seen.add(key);
    return isAgain;
  });
  if (again.length > 0)
    throw invalid(
      `Duplicate parameter keys have been submitted: [${again.map(({ key }) => pythonText(key)).join(', ')}]. Please ensure the request contains only one param value per param key.`,
    );
}

export async function logMetric(sql: Sql, run: string, metric: NewMetric): Promise<void> {
  checkMetric(metric);
  await together(
    () => checkActive(sql, run),
    () => writeMetrics(sql, run, [metric]),
    () => writeModelMetrics(sql, run, [metric]),
  );
}

export async function logParam(sql: Sql, run: string, given: Param): Promise<void> {
  const param = fitParam(given);
  checkParam(param);
  await together(
    () => checkActive(sql, run),
    () => writeParams(sql, run, [param], changed),
  );
}

export async function setTag(sql: Sql, run: string, given: Tag): Promise<void> {
  const tag = fitTag(given);
  checkTag(tag);
  await together(
    () => checkActive(sql, run),
    () => writeTags(sql, run, [tag]),
  );
}

/** The last of several values for a key stays. */
export async function writeTags(sql: Sql, run: string, tags: readonly Tag[]): Promise<void> {
  const last = new Map(tags.map(({ key, value }) => [key, value]));
  if (last.size === 0) return;
  await putTags(sql, run, last);
  const name = last.get('mlflow.runName');
  if (name !== undefined) await sql.run('UPDATE runs SET name = ? WHERE run_uuid = ?', name, run);
}

/** Tags alone: who calls sees to the name of the run. */
export async function putTags(sql: Sql, run: string, tags: ReadonlyMap<string, string>): Promise<void> {
  await sql.runMany(
    'INSERT INTO tags (run_uuid, key, value) VALUES (?, ?, ?) ON CONFLICT (run_uuid, key) DO UPDATE SET value = excluded.value',
    Array.from(tags, ([key, value]) => [run, key, value]),
  );
}

export async function deleteTag(sql: Sql, run: string, key: string): Promise<void> {
  await checkActive(sql, run);
  if ((await sql.run('DELETE FROM tags WHERE run_uuid = ? AND key = ?', run, key)) === 0)
    throw missing(`No tag with name: ${key} in run with id ${run}`);
}

interface ChangedParam {
  readonly key: string;
  readonly before: string;
  readonly after: string;
}

/** A parameter keeps its first value: the same again is fine, another is refused. */
async function writeParams(
  sql: Sql,
  run: string,
  params: readonly Param[],
  refusal: (changed: readonly [ChangedParam, ...ChangedParam[]], run: string) => string,
): Promise<void> {
  if (params.length === 0) return;
  await putParams(sql, run, params);
  const stored = await sql.all('SELECT key, value FROM params WHERE run_uuid = ?', run);
  const values = new Map(stored.map((row) => [String(row['key']), String(row['value'])]));
  const [first, ...others] = params.flatMap(({ key, value: after }) => {
    const before = values.get(key) ?? after;
    return before === after ? [] : [{ key, before, after }];
  });
  if (first !== undefined) throw invalid(refusal([first, ...others], run));
}

/** Parameters that are not there yet; those that are stay. */
export async function putParams(sql: Sql, run: string, params: readonly Param[]): Promise<void> {
  await sql.runMany(
    'INSERT INTO params (run_uuid, key, value) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
    params.map(({ key, value }) => [run, key, value]),
  );
}

function changed([{ key, before, after }]: readonly [ChangedParam, ...unknown[]], run: string): string {
  return `Changing param values is not allowed. Param with key='${key}' was already logged with value='${before}' for run ID='${run}'. Attempted logging new value '${after}'.`;
}

function changedInBatch(all: readonly ChangedParam[], run: string): string {
  const list = all.map(
    ({ key, before, after }) =>
      `{'key': ${pythonText(key)}, 'old_value': ${pythonText(before)}, 'new_value': ${pythonText(after)}}`,
  );
  return `Changing param values is not allowed. Params were already logged='[${list.join(', ')}]' for run ID='${run}'.`;
}

/** One row for each data set of an experiment, whoever uses it. */
export async function logInputs(sql: Sql, run: string, inputs: readonly DatasetInput[]): Promise<void> {
  for (const { dataset, tags } of inputs) {
    checkDataset(dataset);
    for (const { key, value } of tags) {
      checkLength('key', key, 255);
      checkLength('value', value, 500);
    }
  }
  await checkActive(sql, run);
  const experiment = Number(
    (await sql.get('SELECT experiment_id FROM runs WHERE run_uuid = ?', run))?.['experiment_id'],
  );
  for (const { dataset, tags } of inputs) {
    const uuid = createHash('sha256')
      .update(`${experiment}\0${dataset.name}\0${dataset.digest}`)
      .digest('hex')
      .slice(0, 32);
    await sql.run(
      `INSERT INTO datasets (dataset_uuid, experiment_id, name, digest, dataset_source_type, dataset_source, dataset_schema, dataset_profile)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
      uuid,
      experiment,
      dataset.name,
      dataset.digest,
      dataset.source_type,
      dataset.source,
      dataset.schema ?? null,
      dataset.profile ?? null,
    );
    const context = tags.findLast(({ key }) => key === 'mlflow.data.context')?.value ?? '';
    await sql.run(
      'INSERT INTO inputs (run_uuid, dataset_uuid, context) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
      run,
      uuid,
      context,
    );
    await sql.runMany(
      `INSERT INTO input_tags (run_uuid, dataset_uuid, key, value) VALUES (?, ?, ?, ?)
       ON CONFLICT (run_uuid, dataset_uuid, key) DO UPDATE SET value = excluded.value`,
      tags
        .filter(({ key }) => key !== 'mlflow.data.context')
        .map(({ key, value }) => [run, uuid, key, value]),
    );
  }
}
