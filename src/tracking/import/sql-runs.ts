import type { Row } from '../../db/sql.ts';
import { inList, listOf } from '../mlflow/in-list.ts';
import { RUN_STATUSES, type RunStatus } from '../mlflow/messages.ts';
import type { SourceInput, SourceMetric, SourceRun } from './source-records.ts';
import { lifecycleOf } from './sql-experiments.ts';
import type { SqlTables } from './sql-source.ts';
import { tagsOf } from './sql-tags.ts';

/**
 * As many as share a transaction of the target: each writes the pages of its indexes again, and holds up who
 * else writes for a second or two.
 */
const BATCH = 1000;

/** Runs with all that belongs to them but the history of their metrics. */
export async function* readRuns(tables: SqlTables): AsyncGenerator<readonly SourceRun[]> {
  const { reader } = tables;
  const hasModels = (await reader.columns('logged_models')).size > 0;
  for (let after = ''; ; ) {
    const rows = await reader.all(
      `SELECT * FROM runs WHERE run_uuid > ? ORDER BY run_uuid LIMIT ${BATCH}`,
      after,
    );
    const last = rows.at(-1);
    if (last === undefined) return;
    after = String(last['run_uuid']);
    yield await batchOf(tables, rows, hasModels);
  }
}

/** The points of the metrics of some runs, in pages. */
export async function* readMetrics(
  tables: SqlTables,
  runs: readonly string[],
): AsyncGenerator<readonly SourceMetric[]> {
  const { reader } = tables;
  const text = `SELECT run_uuid, key, step, timestamp, value, is_nan FROM metrics WHERE run_uuid IN ${inList(reader, 'text')}`;
  for await (const page of reader.pages(text, listOf(runs)))
    yield page.flatMap((row) => metricOf(tables, row) ?? []);
}

async function batchOf(
  tables: SqlTables,
  rows: readonly Row[],
  hasModels: boolean,
): Promise<readonly SourceRun[]> {
  const { reader, cells, findings } = tables;
  const ids = listOf(rows.map((row) => String(row['run_uuid'])));
  const some = `IN ${inList(reader, 'text')}`;
  const of = async (columns: string, table: string): Promise<Row[]> =>
    reader.all(`SELECT ${columns} FROM ${table} WHERE run_uuid ${some}`, ids);
  const params = tagsOf(tables, await of('run_uuid, key, value', 'params'), 'run_uuid');
  const tags = tagsOf(tables, await of('run_uuid, key, value', 'tags'), 'run_uuid');
  const latest = Map.groupBy(
    (await of('run_uuid, key, step, timestamp, value, is_nan', 'latest_metrics')).flatMap(
      (row) => metricOf(tables, row) ?? [],
    ),
    ({ run }) => run,
  );
  const counts = await reader.all(
    `SELECT run_uuid, count(*) AS count FROM metrics WHERE run_uuid ${some} GROUP BY run_uuid`,
    ids,
  );
  const points = new Map(counts.map((row) => [String(row['run_uuid']), Number(row['count'])]));
  const inputs = await inputsOf(tables, ids);
  const models = hasModels ? await modelsOf(tables, ids) : new Map<string, SourceRun['models']>();
  return rows.flatMap((row) => {
    const id = String(row['run_uuid']);
    if (!/^[a-zA-Z0-9][\w-]{0,255}$/.test(id)) {
      findings.add('skipped', 'run whose id is none', id);
      return [];
    }
    if (!isStatus(row['status'])) {
      findings.add('skipped', 'run with a status that MLflow does not know', id);
      return [];
    }
    const own = tags.get(id) ?? [];
    return {
      id,
      experimentId: String(row['experiment_id']),
      name:
        cells.text(row['name'], `name of the run ${id}`) ??
        own.find(({ key }) => key === 'mlflow.runName')?.value ??
        '',
      status: row['status'],
      user: cells.text(row['user_id'], `user of the run ${id}`) ?? '',
      startTime: cells.whole(row['start_time']),
      endTime: cells.whole(row['end_time']),
      lifecycle: lifecycleOf(row['lifecycle_stage']),
      deletedTime: cells.whole(row['deleted_time']),
      artifactUri: cells.text(row['artifact_uri'], `artifact URI of the run ${id}`) ?? '',
      params: params.get(id) ?? [],
      tags: own,
      latest: latest.get(id) ?? [],
      points: points.get(id) ?? 0,
      inputs: inputs.get(id) ?? [],
      models: models.get(id) ?? [],
    };
  });
}

async function inputsOf(tables: SqlTables, ids: string): Promise<Map<string, SourceInput[]>> {
  const { reader, cells, findings } = tables;
  const rows = await reader.all(
    `SELECT i.input_uuid, i.destination_id AS run, d.experiment_id, d.name, d.digest
     FROM inputs i LEFT JOIN datasets d ON d.dataset_uuid = i.source_id
     WHERE i.source_type = 'DATASET' AND i.destination_type = 'RUN' AND i.destination_id IN ${inList(reader, 'text')}`,
    ids,
  );
  const tagRows = await reader.all(
    `SELECT input_uuid, name, value FROM input_tags WHERE input_uuid IN ${inList(reader, 'text')}`,
    listOf(rows.map((row) => String(row['input_uuid']))),
  );
  const tags = tagsOf(tables, tagRows, 'input_uuid', ['name', 'value']);
  const found = new Map<string, SourceInput[]>();
  for (const row of rows) {
    const run = String(row['run']);
    const name = cells.text(row['name'], `data set of the run ${run}`);
    if (name === undefined) {
      findings.add('skipped', 'input of a run whose data set is not there', run);
      continue;
    }
    const dataset = { experimentId: String(row['experiment_id']), name, digest: String(row['digest']) };
    const list = found.get(run) ?? [];
    list.push({ dataset, tags: tags.get(String(row['input_uuid'])) ?? [] });
    found.set(run, list);
  }
  return found;
}

/** Logged models that runs read and made; the table of inputs holds both ways. */
async function modelsOf(
  { reader, cells }: SqlTables,
  ids: string,
): Promise<Map<string, SourceRun['models'][number][]>> {
  const rows = await reader.all(
    `SELECT source_id AS run, source_type AS kind, destination_id AS model, step FROM inputs
     WHERE source_type IN ('RUN_INPUT', 'RUN_OUTPUT') AND source_id IN ${inList(reader, 'text')}`,
    ids,
  );
  const found = new Map<string, SourceRun['models'][number][]>();
  for (const row of rows) {
    const run = String(row['run']);
    const list = found.get(run) ?? [];
    list.push({
      role: row['kind'] === 'RUN_INPUT' ? 'input' : 'output',
      model: String(row['model']),
      step: cells.time(row['step']),
    });
    found.set(run, list);
  }
  return found;
}

function metricOf({ cells, findings }: SqlTables, row: Row): SourceMetric | undefined {
  const run = String(row['run_uuid']);
  const key = cells.text(row['key'], `metric of the run ${run}`) ?? '';
  const step = cells.whole(row['step']);
  const timestamp = cells.whole(row['timestamp'] ?? 0);
  // A database's true and 1; NULL where a NaN was written as itself.
  const isNan = Number(row['is_nan']) === 1 || row['value'] === null;
  const value = isNan ? Number.NaN : row['value'];
  if (step === undefined || timestamp === undefined || typeof value !== 'number') {
    findings.add(
      'skipped',
      'metric whose step, time or value is no number that JSON has',
      `${key} of ${run}`,
    );
    return undefined;
  }
  return { run, key, value, timestamp, step };
}

function isStatus(value: unknown): value is RunStatus {
  return (RUN_STATUSES as readonly unknown[]).includes(value);
}
