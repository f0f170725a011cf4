import type { Digest } from '../core/ids.ts';
import type { Sql } from '../db/sql.ts';
import type { NestedRun, RecordedRun, Recording } from '../engine/recorder-port.ts';
import type { DatasetWrite, MetricWrite } from '../engine/tracking-port.ts';
import { readExperiment } from '../tracking/mlflow/experiments.ts';
import { inList, listOf } from '../tracking/mlflow/in-list.ts';
import type { DatasetInput, Run, Tag } from '../tracking/mlflow/messages.ts';
import { metricOf, readRuns } from '../tracking/mlflow/runs.ts';
import { requirePath } from './artifact-place.ts';
import { filesBelow } from './files-below.ts';
import { loggedModelFiles } from './logged-model-files.ts';
import { RECORDER_ROOT } from './recorder-folder.ts';
import { RECORDED_EXPERIMENT } from './recorder-routes.ts';

export interface RecordingSources {
  /** Id of the recorded run. */
  readonly run: string;
  /** Name that it was given to begin with. */
  readonly name: string;
  /** Name that its experiment was given to begin with. */
  readonly experiment: string;
  /** Of what the program made, by id. */
  readonly numbers: ReadonlyMap<string, string>;
  /** Where the bytes of a logged file lie. */
  readonly pathOf: (digest: Digest) => string;
}

const PARENT = 'mlflow.parentRunId';
const CONTEXT = 'mlflow.data.context';

/** Who logs, from where, and what a run is called: the tracked run says that itself. */
const OWN_TAGS = /^mlflow\.(?:user|runName|parentRunId|rootRunId|source\..*)$/;

/** All that a recorder's database holds. */
export async function readRecording(
  sql: Sql,
  { run: own, name, experiment, numbers, pathOf }: RecordingSources,
): Promise<Recording> {
  const root = RECORDER_ROOT;
  const rows = await sql.all(
    `SELECT run_uuid FROM runs WHERE run_uuid = ? OR lifecycle_stage = 'active' ORDER BY start_time, run_uuid`,
    own,
  );
  const runs = await readRuns(
    sql,
    rows.map((row) => String(row['run_uuid'])),
    root,
  );
  const ofModels = await loggedModelFiles(sql, { own, root, pathOf });
  const history = await metricsOf(sql, runs);
  const recorded = async ({ info, data, inputs }: Run): Promise<RecordedRun> => ({
    params: data.params,
    metrics: history.get(info.run_id) ?? [],
    tags: data.tags.filter(({ key }) => !OWN_TAGS.test(key)),
    datasets: inputs.dataset_inputs.map(datasetOf),
    files: [
      ...(await filesBelow(sql, requirePath(info.artifact_uri, root), pathOf)),
      ...(ofModels.files.get(info.run_id) ?? []),
    ],
  });
  const nested: NestedRun[] = [];
  for (const run of runs.filter(({ info }) => info.run_id !== own)) {
    const { run_id, run_name, status, start_time: startTime, end_time: endTime } = run.info;
    const parent = numbers.get(valueOf(run.data.tags, PARENT) ?? '');
    nested.push({
      ...(await recorded(run)),
      number: numbers.get(run_id) ?? run_id,
      name: run_name,
      // What the program left open has ended with it.
      status: status === 'FAILED' || status === 'KILLED' ? status : 'FINISHED',
      ...(parent === undefined ? {} : { parent }),
      ...(startTime === undefined ? {} : { startTime }),
      ...(endTime === undefined ? {} : { endTime }),
    });
  }
  const main = runs.find(({ info }) => info.run_id === own);
  if (main === undefined) throw new Error(`Internal error: the recorder has lost its run ${own}`);
  const asked = (await readExperiment(sql, RECORDED_EXPERIMENT, root)).name;
  return {
    own: await recorded(main),
    ...(asked === experiment ? {} : { experiment: asked }),
    ...(main.info.run_name === name ? {} : { name: main.info.run_name }),
    nested,
    warnings: [...ofModels.warnings, ...(await traceWarning(sql))],
  };
}

async function metricsOf(sql: Sql, runs: readonly Run[]): Promise<Map<string, MetricWrite[]>> {
  const rows = await sql.all(
    `SELECT * FROM metrics WHERE run_uuid IN ${inList(sql, 'text')} ORDER BY run_uuid, step, timestamp, key`,
    listOf(runs.map(({ info }) => info.run_id)),
  );
  const byRun = Map.groupBy(rows, (row) => String(row['run_uuid']));
  return new Map(Array.from(byRun, ([run, points]) => [run, points.map(metricOf)]));
}

function datasetOf({ dataset, tags }: DatasetInput): DatasetWrite {
  const { name, digest, source_type: sourceType, source, schema, profile } = dataset;
  const context = valueOf(tags, CONTEXT);
  return {
    name,
    digest,
    sourceType,
    source,
    ...(schema === undefined ? {} : { schema }),
    ...(profile === undefined ? {} : { profile }),
    ...(context === undefined ? {} : { context }),
  };
}

async function traceWarning(sql: Sql): Promise<string[]> {
  const count = Number((await sql.get('SELECT count(*) AS n FROM traces'))?.['n']);
  return count === 0 ? [] : [`${count} traces were logged, which a recorded run does not keep`];
}

function valueOf(tags: readonly Tag[], key: string): string | undefined {
  return tags.find((tag) => tag.key === key)?.value;
}
