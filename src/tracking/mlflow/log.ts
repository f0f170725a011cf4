import { createHash } from 'node:crypto';
import type { Sql } from '../../db/sql.ts';
import { together } from '../../db/together.ts';
import {
  checkDataset,
  checkLength,
  checkMetric,
  checkParam,
  checkTag,
  MAX_ENTITIES,
  MAX_METRICS,
  MAX_PARAMS,
  MAX_TAGS,
} from './check.ts';
import { checkActive } from './check-active.ts';
import { writeModelMetrics } from './logged-model-metrics.ts';
import type { DatasetInput, NewMetric, Param, Tag } from './messages.ts';
import { invalid, missing } from './mlflow-error.ts';
import { writeMetrics } from './write-metrics.ts';

export interface Batch {
  readonly metrics: readonly NewMetric[];
  readonly params: readonly Param[];
  readonly tags: readonly Tag[];
}

/** All of a batch; the caller's transaction makes it that or nothing. */
export async function logBatch(sql: Sql, run: string, { metrics, params, tags }: Batch): Promise<void> {
  for (const [what, count, limit] of [
    ['metrics', metrics.length, MAX_METRICS],
    ['params', params.length, MAX_PARAMS],
    ['tags', tags.length, MAX_TAGS],
  ] as const)
    if (count > limit)
      throw invalid(
        `A batch logging request can contain at most ${limit} ${what}. Got ${count} ${what}. Please split up ${what} across multiple requests and try again.`,
      );
  const total = metrics.length + params.length + tags.length;
  if (total > MAX_ENTITIES)
    throw invalid(
      `A batch logging request can contain at most ${MAX_ENTITIES} metrics, params, and tags together. Got ${total}.`,
    );
  for (const [index, metric] of metrics.entries()) checkMetric(metric, `metrics[${index}].`);
  for (const [index, param] of params.entries()) checkParam(param, `params[${index}].`);
  for (const [index, tag] of tags.entries()) checkTag(tag, `tags[${index}].`);
  await together(
    () => checkActive(sql, run),
    () => writeParams(sql, run, params),
    () => writeMetrics(sql, run, metrics),
    () => writeModelMetrics(sql, run, metrics),
    () => writeTags(sql, run, tags),
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

export async function logParam(sql: Sql, run: string, param: Param): Promise<void> {
  checkParam(param);
  await together(
    () => checkActive(sql, run),
    () => writeParams(sql, run, [param]),
  );
}

export async function setTag(sql: Sql, run: string, tag: Tag): Promise<void> {
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

/** A parameter keeps its first value: the same again is fine, another is refused. */
export async function writeParams(sql: Sql, run: string, params: readonly Param[]): Promise<void> {
  const wanted = new Map<string, string>();
  for (const { key, value } of params) {
    const before = wanted.get(key);
    if (before !== undefined && before !== value)
      throw invalid(
        `Duplicate parameter keys have been submitted: ${key}. Please ensure the request contains only one param value per param key.`,
      );
    wanted.set(key, value);
  }
  if (wanted.size === 0) return;
  await sql.runMany(
    'INSERT INTO params (run_uuid, key, value) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
    Array.from(wanted, ([key, value]) => [run, key, value]),
  );
  const stored = await sql.all('SELECT key, value FROM params WHERE run_uuid = ?', run);
  const changed = stored.flatMap((row) => {
    const [key, before] = [String(row['key']), String(row['value'])];
    const after = wanted.get(key);
    return after === undefined || after === before ? [] : [{ key, before, after }];
  });
  const [first] = changed;
  if (first === undefined) return;
  if (params.length === 1)
    throw invalid(
      `Changing param values is not allowed. Param with key='${first.key}' was already logged with value='${first.before}' for run ID='${run}'. Attempted logging new value '${first.after}'.`,
    );
  const list = changed.map(
    ({ key, before, after }) => `{'key': '${key}', 'old_value': '${before}', 'new_value': '${after}'}`,
  );
  throw invalid(
    `Changing param values is not allowed. Params were already logged='[${list.join(', ')}]' for run ID='${run}'.`,
  );
}

/** One row for each data set of an experiment, whoever uses it. */
export async function logInputs(sql: Sql, run: string, inputs: readonly DatasetInput[]): Promise<void> {
  for (const { dataset, tags } of inputs) {
    checkDataset(dataset);
    for (const { key, value } of tags) {
      checkLength('Input tag key', key, 255);
      checkLength(`Input tag value for key '${key}'`, value, 500);
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
