import type { Row, Sql } from '../../db/sql.ts';
import { together } from '../../db/together.ts';
import { checkLength, checkTag, experimentNumber, fitTag } from './check.ts';
import { checkActive } from './check-active.ts';
import { activeExperiment } from './experiments.ts';
import { inList, listOf } from './in-list.ts';
import { putTags } from './log.ts';
import type { DatasetInput, Lifecycle, Metric, Run, RunInfo, RunStatus, Tag } from './messages.ts';
import { invalid, missing } from './mlflow-error.ts';
import { modelsOfRun } from './run-models.ts';
import { numberOf } from './stored-number.ts';
import { valuesOfRuns } from './values-of-runs.ts';

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

/** What a statement that writes a run gives back of it. */
const WRITTEN = `RETURNING *,
  (SELECT artifact_location FROM experiments e WHERE e.experiment_id = runs.experiment_id) AS artifact_location`;

/** A name and its tag are one thing: given both, they must agree. May be done at once. */
export async function createRun(sql: Sql, run: NewRun, root: string): Promise<Run> {
  const [, made] = await together(
    () => activeExperiment(sql, run.experimentId, { how: 'share' }),
    () => insertRun(sql, run, experimentNumber(run.experimentId), root),
  );
  if (made === undefined) throw new Error(`Internal error: the run ${run.id} was not made`);
  return made;
}

/** Undefined if the experiment takes no runs. */
async function insertRun(
  sql: Sql,
  run: NewRun,
  experiment: number | undefined,
  root: string,
): Promise<Run | undefined> {
  const given = run.tags.map(fitTag);
  for (const tag of given) checkTag(tag);
  const tagged = given.findLast(({ key }) => key === NAME_TAG)?.value;
  const named = run.name === '' ? undefined : run.name;
  if (named !== undefined && tagged !== undefined && named !== tagged)
    throw invalid(
      `Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values (run_name='${named}', mlflow.runName='${tagged}').`,
    );
  const name = named ?? tagged ?? run.fallbackName;
  checkLength('Run name', name, MAX_NAME);
  checkLength('User', run.user, 256);
  if (experiment === undefined) return undefined;
  const tags = new Map(given.map(({ key, value }) => [key, value])).set(NAME_TAG, name);
  const [row] = await together(
    () =>
      sql.get(
        `INSERT INTO runs (run_uuid, experiment_id, name, status, start_time, user_id)
       SELECT CAST(? AS text), experiment_id, CAST(? AS text), 'RUNNING', CAST(? AS bigint), CAST(? AS text)
         FROM experiments WHERE experiment_id = ? AND lifecycle_stage = 'active' ${WRITTEN}`,
        run.id,
        name,
        run.startTime,
        run.user,
        experiment,
      ),
    // Refused, as all is, where there is no run.
    () => putTags(sql, run.id, tags),
  );
  if (row === undefined) return undefined;
  return {
    info: infoOf(row, root),
    data: {
      metrics: [],
      params: [],
      tags: Array.from(tags, ([key, value]) => ({ key, value })).toSorted(byCodePoint),
    },
    inputs: { dataset_inputs: [] },
  };
}

/** As the databases order them. */
function byCodePoint(a: Tag, b: Tag): number {
  return Buffer.compare(Buffer.from(a.key), Buffer.from(b.key));
}

export interface RunChange {
  readonly status: RunStatus | undefined;
  readonly endTime: number | undefined;
  readonly name: string | undefined;
}

/** What is undefined stays as it is; so does the name if it is empty. May be done at once if it stays. */
export async function updateRun(
  sql: Sql,
  id: string,
  { status, endTime, name: given }: RunChange,
  root: string,
): Promise<RunInfo> {
  const name = given === '' ? undefined : given;
  if (name !== undefined) checkLength('Run name', name, MAX_NAME);
  const [, row] = await together(
    () => checkActive(sql, id),
    () =>
      sql.get(
        `UPDATE runs SET status = coalesce(?, status), end_time = coalesce(?, end_time), name = coalesce(?, name)
       WHERE run_uuid = ? AND lifecycle_stage = 'active' ${WRITTEN}`,
        status ?? null,
        endTime ?? null,
        name ?? null,
        id,
      ),
  );
  if (row === undefined) throw new Error(`Internal error: the run ${id} takes writes, and did not take one`);
  if (name !== undefined) await putTags(sql, id, new Map([[NAME_TAG, name]]));
  return infoOf(row, root);
}

export async function moveRun(sql: Sql, id: string, to: Lifecycle, now: number): Promise<void> {
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
  const [run] = await readRuns(sql, [id], root);
  if (run === undefined) throw missing(`Run with id=${id} not found`);
  return run;
}

/** Whole runs in the order of `ids`, in as many statements, asked at once, whatever their number; unknown ids are left out. */
export async function readRuns(sql: Sql, ids: readonly string[], root: string): Promise<Run[]> {
  const list = listOf(ids);
  const of = async (columns: string, from: string, orderBy: string): Promise<Map<string, Row[]>> => {
    const rows = await sql.all(
      `SELECT ${columns} FROM ${from} WHERE x.run_uuid IN ${inList(sql, 'text')} ORDER BY ${orderBy}`,
      list,
    );
    return Map.groupBy(rows, (row) => String(row['run_uuid']));
  };
  const [infos, metrics, params, tags, inputs, inputTags, models] = await together(
    () =>
      of(
        'x.*, e.artifact_location',
        'runs x JOIN experiments e ON e.experiment_id = x.experiment_id',
        'x.run_uuid',
      ),
    () => valuesOfRuns(sql, 'latest_metrics', ids),
    () => valuesOfRuns(sql, 'params', ids),
    () => valuesOfRuns(sql, 'tags', ids),
    () =>
      of(
        'x.run_uuid, x.context, d.*',
        'inputs x JOIN datasets d ON d.dataset_uuid = x.dataset_uuid',
        'x.run_uuid, d.name, x.context, d.digest',
      ),
    () => of('*', 'input_tags x', 'x.run_uuid, x.key'),
    () => of('*', 'run_models x', 'x.run_uuid, x.step, x.model_id'),
  );
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
    value: numberOf(row['value'], row['is_nan']),
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
