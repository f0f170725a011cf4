import type { Row, Sql, SqlValue } from '../../db/sql.ts';
import { checkLength, checkRunId, checkTag } from './check.ts';
import { checkActive } from './check-active.ts';
import { activeExperiment } from './experiments.ts';
import { inList, listOf } from './in-list.ts';
import { writeTags } from './log.ts';
import type { DatasetInput, Lifecycle, Metric, Run, RunInfo, RunStatus, Tag } from './messages.ts';
import { invalid, missing } from './mlflow-error.ts';
import { modelsOfRun } from './run-models.ts';

export interface NewRun {
  readonly id: string;
  readonly experimentId: string;
  /** Used if neither name nor tag says one. */
  readonly fallbackName: string;
  readonly name: string | undefined;
  readonly user: string;
  readonly startTime: number;
  readonly tags: readonly Tag[];
}

const NAME_TAG = 'mlflow.runName';
const MAX_NAME = 8000;

/** A name and its tag are one thing: given both, they must agree. Gives the tags, by key. */
export async function createRun(sql: Sql, run: NewRun): Promise<Tag[]> {
  const experiment = await activeExperiment(sql, run.experimentId, 'share');
  for (const tag of run.tags) checkTag(tag);
  const tagged = run.tags.findLast(({ key }) => key === NAME_TAG)?.value;
  const named = run.name === '' ? undefined : run.name;
  if (named !== undefined && tagged !== undefined && named !== tagged)
    throw invalid(
      `Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values (run_name='${named}', mlflow.runName='${tagged}').`,
    );
  const name = named ?? tagged ?? run.fallbackName;
  checkLength('Run name', name, MAX_NAME);
  checkLength('User', run.user, 256);
  await sql.run(
    `INSERT INTO runs (run_uuid, experiment_id, name, status, start_time, user_id) VALUES (?, ?, ?, 'RUNNING', ?, ?)`,
    run.id,
    experiment,
    name,
    run.startTime,
    run.user,
  );
  await writeTags(sql, run.id, [
    ...run.tags.filter(({ key }) => key !== NAME_TAG),
    { key: NAME_TAG, value: name },
  ]);
  return (await sql.all('SELECT key, value FROM tags WHERE run_uuid = ? ORDER BY key', run.id)).map(tagOf);
}

export interface RunChange {
  readonly status: RunStatus | undefined;
  readonly endTime: number | undefined;
  readonly name: string | undefined;
}

export async function updateRun(sql: Sql, id: string, { status, endTime, name }: RunChange): Promise<void> {
  await checkActive(sql, id);
  const [sets, values]: [string[], SqlValue[]] = [[], []];
  const set = (column: string, value: SqlValue): void => {
    sets.push(`${column} = ?`);
    values.push(value);
  };
  if (status !== undefined) set('status', status);
  if (endTime !== undefined) set('end_time', endTime);
  if (name !== undefined && name !== '') {
    checkLength('Run name', name, MAX_NAME);
    set('name', name);
    await writeTags(sql, id, [{ key: NAME_TAG, value: name }]);
  }
  if (sets.length > 0) await sql.run(`UPDATE runs SET ${sets.join(', ')} WHERE run_uuid = ?`, ...values, id);
}

export async function moveRun(sql: Sql, id: string, to: Lifecycle, now: number): Promise<void> {
  checkRunId(id);
  const changed = await sql.run(
    'UPDATE runs SET lifecycle_stage = ?, deleted_time = ? WHERE run_uuid = ?',
    to,
    to === 'deleted' ? now : null,
    id,
  );
  if (changed === 0) throw missing(`Run with id=${id} not found`);
}

/** @throws MlflowError RESOURCE_DOES_NOT_EXIST */
export async function readRun(sql: Sql, id: string, root: string): Promise<Run> {
  checkRunId(id);
  const [run] = await readRuns(sql, [id], root);
  if (run === undefined) throw missing(`Run with id=${id} not found`);
  return run;
}

/** @throws MlflowError RESOURCE_DOES_NOT_EXIST */
export async function readRunInfo(sql: Sql, id: string, root: string): Promise<RunInfo> {
  checkRunId(id);
  const row = await sql.get(
    'SELECT r.*, e.artifact_location FROM runs r JOIN experiments e ON e.experiment_id = r.experiment_id WHERE r.run_uuid = ?',
    id,
  );
  if (row === undefined) throw missing(`Run with id=${id} not found`);
  return infoOf(row, root);
}

/** Whole runs in the order of `ids`, in as many statements whatever their number; unknown ids are left out. */
export async function readRuns(sql: Sql, ids: readonly string[], root: string): Promise<Run[]> {
  const list = listOf(ids);
  const of = async (columns: string, from: string, orderBy: string): Promise<Map<string, Row[]>> => {
    const rows = await sql.all(
      `SELECT ${columns} FROM ${from} WHERE x.run_uuid IN ${inList(sql, 'text')} ORDER BY ${orderBy}`,
      list,
    );
    return Map.groupBy(rows, (row) => String(row['run_uuid']));
  };
  const infos = await of(
    'x.*, e.artifact_location',
    'runs x JOIN experiments e ON e.experiment_id = x.experiment_id',
    'x.run_uuid',
  );
  const metrics = await of('*', 'latest_metrics x', 'x.run_uuid, x.key');
  const params = await of('*', 'params x', 'x.run_uuid, x.key');
  const tags = await of('*', 'tags x', 'x.run_uuid, x.key');
  const inputs = await of(
    'x.run_uuid, x.context, d.*',
    'inputs x JOIN datasets d ON d.dataset_uuid = x.dataset_uuid',
    'x.run_uuid, d.name, x.context, d.digest',
  );
  const inputTags = await of('*', 'input_tags x', 'x.run_uuid, x.key');
  const models = await of('*', 'run_models x', 'x.run_uuid, x.step, x.model_id');
  return ids.flatMap((id) => {
    const info = infos.get(id)?.[0];
    if (info === undefined) return [];
    const { inputs: modelInputs, outputs: modelOutputs } = modelsOfRun(models.get(id) ?? []);
    return [
      {
        info: infoOf(info, root),
        data: {
          metrics: (metrics.get(id) ?? []).map(metricOf),
          params: (params.get(id) ?? []).map(tagOf),
          tags: (tags.get(id) ?? []).map(tagOf),
        },
        inputs: {
          dataset_inputs: (inputs.get(id) ?? []).map((input) => inputOf(input, inputTags.get(id) ?? [])),
          ...(modelInputs.length === 0 ? {} : { model_inputs: modelInputs }),
        },
        ...(modelOutputs.length === 0 ? {} : { outputs: { model_outputs: modelOutputs } }),
      },
    ];
  });
}

function infoOf(row: Row, root: string): RunInfo {
  const id = String(row['run_uuid']);
  const experiment = String(row['experiment_id']);
  const own = row['artifact_location'];
  return {
    run_id: id,
    run_uuid: id,
    run_name: String(row['name']),
    experiment_id: experiment,
    user_id: String(row['user_id']),
    status: row['status'] as RunStatus,
    ...(row['start_time'] === null ? {} : { start_time: Number(row['start_time']) }),
    ...(row['end_time'] === null ? {} : { end_time: Number(row['end_time']) }),
    artifact_uri: `${typeof own === 'string' ? own : `${root}/${experiment}`}/${id}/artifacts`,
    lifecycle_stage: row['lifecycle_stage'] as Lifecycle,
  };
}

export function metricOf(row: Row): Metric {
  return {
    key: String(row['key']),
    value: Number(row['is_nan']) === 1 ? Number.NaN : Number(row['value']),
    timestamp: Number(row['timestamp']),
    step: Number(row['step']),
  };
}

function tagOf(row: Row): Tag {
  return { key: String(row['key']), value: String(row['value']) };
}

function inputOf(row: Row, tags: readonly Row[]): DatasetInput {
  const context = String(row['context']);
  return {
    tags: [
      ...(context === '' ? [] : [{ key: 'mlflow.data.context', value: context }]),
      ...tags.filter((tag) => tag['dataset_uuid'] === row['dataset_uuid']).map(tagOf),
    ],
    dataset: {
      name: String(row['name']),
      digest: String(row['digest']),
      source_type: String(row['dataset_source_type']),
      source: String(row['dataset_source']),
      ...(row['dataset_schema'] === null ? {} : { schema: String(row['dataset_schema']) }),
      ...(row['dataset_profile'] === null ? {} : { profile: String(row['dataset_profile']) }),
    },
  };
}
