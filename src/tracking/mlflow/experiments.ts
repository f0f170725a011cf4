import { lock } from '../../db/lock.ts';
import type { Row, Sql } from '../../db/sql.ts';
import { checkExperimentName, checkKey, checkLength, experimentNumber } from './check.ts';
import { inList, listOf } from './in-list.ts';
import type { Experiment, Lifecycle, Tag } from './messages.ts';
import { invalid, MlflowError, missing } from './mlflow-error.ts';

/** The newest clients allow this, in characters; older ones stop at 5,000 themselves. */
const MAX_TAG_VALUE = 20_000;

export interface NewExperiment {
  readonly name: string;
  readonly artifactLocation: string | undefined;
  readonly tags: readonly Tag[];
}

/** Gives the id of the new experiment; ids are never used again. */
export async function createExperiment(
  sql: Sql,
  { name, artifactLocation, tags }: NewExperiment,
  now: number,
): Promise<string> {
  checkExperimentName(name);
  if ((await sql.get('SELECT 1 AS found FROM experiments WHERE name = ?', name)) !== undefined)
    throw exists(name);
  const row = await sql.get(
    'INSERT INTO experiments (name, artifact_location, creation_time, last_update_time) VALUES (?, ?, ?, ?) RETURNING experiment_id AS id',
    name,
    artifactLocation ?? null,
    now,
    now,
  );
  const id = Number(row?.['id']);
  for (const tag of tags) await writeTag(sql, id, tag);
  return String(id);
}

/** @throws MlflowError RESOURCE_DOES_NOT_EXIST */
export async function readExperiment(sql: Sql, id: string, root: string): Promise<Experiment> {
  const number = experimentNumber(id);
  const row =
    number === undefined
      ? undefined
      : await sql.get('SELECT * FROM experiments WHERE experiment_id = ?', number);
  if (row === undefined) throw noExperiment(id);
  return (await experimentsOf(sql, [row], root))[0] as Experiment;
}

export async function readExperimentByName(
  sql: Sql,
  name: string,
  root: string,
): Promise<Experiment | undefined> {
  const row = await sql.get('SELECT * FROM experiments WHERE name = ?', name);
  return row === undefined ? undefined : (await experimentsOf(sql, [row], root))[0];
}

/** Rows of `experiments` with their tags. */
export async function experimentsOf(sql: Sql, rows: readonly Row[], root: string): Promise<Experiment[]> {
  const ids = rows.map((row) => Number(row['experiment_id']));
  const tags = await sql.all(
    `SELECT experiment_id, key, value FROM experiment_tags WHERE experiment_id IN ${inList(sql, 'integer')} ORDER BY key`,
    listOf(ids),
  );
  return rows.map((row) => {
    const id = Number(row['experiment_id']);
    return {
      experiment_id: String(id),
      name: String(row['name']),
      artifact_location: locationOf(row, root),
      lifecycle_stage: row['lifecycle_stage'] as Lifecycle,
      last_update_time: Number(row['last_update_time']),
      creation_time: Number(row['creation_time']),
      tags: tags
        .filter((tag) => Number(tag['experiment_id']) === id)
        .map((tag) => ({ key: String(tag['key']), value: String(tag['value']) })),
    };
  });
}

/** Where an experiment's artifacts lie; one that a recipe made has no place of its own. */
export function locationOf(row: Row, root: string): string {
  const own = row['artifact_location'];
  return typeof own === 'string' ? own : `${root}/${String(row['experiment_id'])}`;
}

export async function renameExperiment(sql: Sql, id: string, name: string, now: number): Promise<void> {
  checkExperimentName(name);
  const experiment = await activeExperiment(sql, id, { refusal: 'Cannot rename a non-active experiment.' });
  if (
    (await sql.get(
      'SELECT 1 AS found FROM experiments WHERE name = ? AND experiment_id <> ?',
      name,
      experiment,
    )) !== undefined
  )
    throw exists(name);
  await sql.run(
    'UPDATE experiments SET name = ?, last_update_time = ? WHERE experiment_id = ?',
    name,
    now,
    experiment,
  );
}

/** Deletes or restores an experiment and its runs with it. */
export async function moveExperiment(sql: Sql, id: string, to: Lifecycle, now: number): Promise<void> {
  const number = experimentNumber(id);
  const changed =
    number === undefined
      ? 0
      : await sql.run(
          'UPDATE experiments SET lifecycle_stage = ?, last_update_time = ? WHERE experiment_id = ? AND lifecycle_stage <> ?',
          to,
          now,
          number,
          to,
        );
  // One that is in that stage already is none to move, says MLflow.
  if (changed === 0) throw noExperiment(id);
  await sql.run(
    'UPDATE runs SET lifecycle_stage = ?, deleted_time = ? WHERE experiment_id = ?',
    to,
    to === 'deleted' ? now : null,
    number ?? 0,
  );
}

export async function setExperimentTag(sql: Sql, id: string, tag: Tag): Promise<void> {
  await writeTag(sql, await activeExperiment(sql, id), tag);
}

export async function deleteExperimentTag(sql: Sql, id: string, key: string): Promise<void> {
  const number = await activeExperiment(sql, id);
  if ((await sql.run('DELETE FROM experiment_tags WHERE experiment_id = ? AND key = ?', number, key)) === 0)
    throw missing(`No tag with name: ${key} in experiment with id ${id}`);
}

/** The number of an experiment that takes writes, until the transaction ends. */
export async function activeExperiment(
  sql: Sql,
  id: string,
  {
    how = 'change',
    refusal = `The experiment ${id} must be in the 'active' state. Current state is deleted.`,
  }: { readonly how?: 'change' | 'share'; readonly refusal?: string } = {},
): Promise<number> {
  const number = experimentNumber(id);
  const row =
    number === undefined
      ? undefined
      : await sql.get(
          `SELECT lifecycle_stage FROM experiments WHERE experiment_id = ?${lock(sql, how)}`,
          number,
        );
  if (row === undefined || number === undefined) throw noExperiment(id);
  if (row['lifecycle_stage'] !== 'active') throw invalid(refusal);
  return number;
}

async function writeTag(sql: Sql, experiment: number, { key, value }: Tag): Promise<void> {
  checkKey('tag', key);
  checkLength('value', value, MAX_TAG_VALUE);
  await sql.run(
    'INSERT INTO experiment_tags (experiment_id, key, value) VALUES (?, ?, ?) ON CONFLICT (experiment_id, key) DO UPDATE SET value = excluded.value',
    experiment,
    key,
    value,
  );
}

function noExperiment(id: string): MlflowError {
  return missing(`No Experiment with id=${id} exists`);
}

function exists(name: string): MlflowError {
  return new MlflowError('RESOURCE_ALREADY_EXISTS', `Experiment(name=${name}) already exists.`);
}
