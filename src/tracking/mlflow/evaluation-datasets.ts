import { createHash } from 'node:crypto';
import { lock } from '../../db/lock.ts';
import type { Row, Sql } from '../../db/sql.ts';
import { TRACKING_LIMITS } from '../../engine/tracking-limits.ts';
import { checkLength } from './check.ts';
import { activeExperiment } from './experiments.ts';
import { inList, listOf } from './in-list.ts';
import type { Tag } from './messages.ts';
import { invalid, type MlflowError, missing } from './mlflow-error.ts';

/** A data set that generative AI is evaluated on (MLflow 3): records of inputs and what should come out. */
export interface EvaluationDataset {
  readonly id: string;
  readonly name: string;
  readonly tags: readonly Tag[];
  /** JSON: the types of the records' fields; undefined as long as there was none. */
  readonly schema: string | undefined;
  /** JSON: how many records there are; undefined for none. */
  readonly profile: string | undefined;
  readonly digest: string;
  /** Milliseconds since the Unix epoch. */
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly createdBy: string | undefined;
  readonly updatedBy: string | undefined;
}

export interface NewDataset {
  readonly id: string;
  readonly name: string;
  readonly tags: readonly Tag[];
  readonly experimentIds: readonly string[];
  readonly at: number;
}

const MAX_NAME = 255;
/** MLflow's clients say by this tag who they are. */
export const USER_TAG = 'mlflow.user';

export async function createDataset(
  sql: Sql,
  { id, name, tags, experimentIds, at }: NewDataset,
): Promise<EvaluationDataset> {
  checkLength('Name of a data set', name, MAX_NAME);
  const user = tags.find(({ key }) => key === USER_TAG)?.value ?? null;
  await sql.run(
    `INSERT INTO evaluation_datasets (dataset_id, name, digest, created_time, last_update_time, created_by, last_updated_by)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
    id,
    name,
    digestOf(name, at),
    at,
    at,
    user,
    user,
  );
  await setDatasetTags(sql, id, tags);
  await addToExperiments(sql, id, experimentIds);
  return readDataset(sql, id);
}

/** @throws MlflowError RESOURCE_DOES_NOT_EXIST */
export async function readDataset(sql: Sql, id: string): Promise<EvaluationDataset> {
  const row = await sql.get('SELECT * FROM evaluation_datasets WHERE dataset_id = ?', id);
  if (row === undefined) throw noDataset(id);
  return (await datasetsOf(sql, [row]))[0] as EvaluationDataset;
}

/** Rows of `evaluation_datasets` with their tags. */
export async function datasetsOf(sql: Sql, rows: readonly Row[]): Promise<EvaluationDataset[]> {
  const tags = Map.groupBy(
    await sql.all(
      `SELECT * FROM evaluation_dataset_tags WHERE dataset_id IN ${inList(sql, 'text')} ORDER BY dataset_id, key`,
      listOf(rows.map((row) => String(row['dataset_id']))),
    ),
    (row) => String(row['dataset_id']),
  );
  return rows.map((row) => {
    const text = (column: string): string | undefined =>
      row[column] === null ? undefined : String(row[column]);
    const [id, records] = [String(row['dataset_id']), Number(row['record_count'])];
    return {
      id,
      name: String(row['name']),
      tags: (tags.get(id) ?? []).map(({ key, value }) => ({ key: String(key), value: String(value) })),
      schema: text('schema'),
      profile: records === 0 ? undefined : JSON.stringify({ num_records: records }),
      digest: String(row['digest']),
      createdAt: Number(row['created_time']),
      updatedAt: Number(row['last_update_time']),
      createdBy: text('created_by'),
      updatedBy: text('last_updated_by'),
    };
  });
}

/** One that is not there is gone already. */
export async function deleteDataset(sql: Sql, id: string): Promise<void> {
  await sql.run('DELETE FROM evaluation_datasets WHERE dataset_id = ?', id);
}

export async function setDatasetTags(sql: Sql, id: string, tags: readonly Tag[]): Promise<void> {
  for (const { key, value } of tags) {
    checkLength('Key of a data set’s tag', key, MAX_NAME);
    checkLength(`Value of a data set’s tag '${key}'`, value, TRACKING_LIMITS.tag);
  }
  await requireDataset(sql, id);
  await sql.runMany(
    `INSERT INTO evaluation_dataset_tags (dataset_id, key, value) VALUES (?, ?, ?)
     ON CONFLICT (dataset_id, key) DO UPDATE SET value = excluded.value`,
    tags.map(({ key, value }) => [id, key, value]),
  );
}

export async function deleteDatasetTag(sql: Sql, id: string, key: string): Promise<void> {
  await sql.run('DELETE FROM evaluation_dataset_tags WHERE dataset_id = ? AND key = ?', id, key);
}

export async function experimentsOfDataset(sql: Sql, id: string): Promise<string[]> {
  const rows = await sql.all(
    'SELECT experiment_id FROM evaluation_dataset_experiments WHERE dataset_id = ? ORDER BY experiment_id',
    id,
  );
  return rows.map((row) => String(row['experiment_id']));
}

export async function addToExperiments(
  sql: Sql,
  id: string,
  experimentIds: readonly string[],
): Promise<void> {
  await requireDataset(sql, id);
  const numbers: number[] = [];
  for (const one of experimentIds) numbers.push(await activeExperiment(sql, one));
  await sql.runMany(
    'INSERT INTO evaluation_dataset_experiments (dataset_id, experiment_id) VALUES (?, ?) ON CONFLICT DO NOTHING',
    numbers.map((number) => [id, number]),
  );
}

export async function removeFromExperiments(
  sql: Sql,
  id: string,
  experimentIds: readonly string[],
): Promise<void> {
  await requireDataset(sql, id);
  if (experimentIds.some((one) => !/^\d{1,15}$/.test(one))) throw invalid('Invalid experiment ID');
  await sql.run(
    `DELETE FROM evaluation_dataset_experiments WHERE dataset_id = ? AND experiment_id IN ${inList(sql, 'integer')}`,
    id,
    listOf(experimentIds.map(Number)),
  );
}

/** Nobody else changes it until the transaction ends. */
export async function requireDataset(sql: Sql, id: string): Promise<Row> {
  const row = await sql.get(
    `SELECT * FROM evaluation_datasets WHERE dataset_id = ?${lock(sql, 'change')}`,
    id,
  );
  if (row === undefined) throw noDataset(id);
  return row;
}

/** It changes with every change, and only then: MLflow's. */
export function digestOf(name: string, at: number): string {
  return createHash('sha256').update(`${name}:${at}`).digest('hex').slice(0, 8);
}

function noDataset(id: string): MlflowError {
  return missing(`Evaluation dataset with id '${id.slice(0, 80)}' not found`);
}
