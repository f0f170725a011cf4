import type { Digest } from '../core/ids.ts';
import type { OutputKind } from '../core/kinds.ts';
import type { Sql } from '../db/sql.ts';
import type {
  MetricWrite,
  RunPage,
  RunSearch,
  TrackedKeys,
  TrackedRun,
  TrackedRunDetails,
  TrackedStatus,
} from '../engine/tracking-port.ts';
import { parseFilter } from './filter.ts';
import { inList, listOf } from './mlflow/in-list.ts';
import type { Run, ViewType } from './mlflow/messages.ts';
import { historyPage, pointsOf } from './mlflow/metric-history.ts';
import { readRuns } from './mlflow/runs.ts';
import { findRuns } from './mlflow/search-runs.ts';
import { datasetsOf, trackedRunOf } from './tracked-run.ts';

/** Where artifacts of runs lie for clients; recipes do not ask. */
const ROOT = 'mlflow-artifacts:';
/** MLflow's limit for a page. */
const MAX_RESULTS = 50_000;
const NO_PARENT = 'tags.`mlflow.parentRunId` IS NULL';

export const VIEWS: Readonly<Record<NonNullable<RunSearch['lifecycle']>, ViewType>> = {
  active: 'ACTIVE_ONLY',
  deleted: 'DELETED_ONLY',
  all: 'ALL',
};

/** A page of the runs of all experiments; see `Tracking.search`. */
export async function searchTracked(
  sql: Sql,
  { where, sort, limit, pageToken: token, children, lifecycle = 'active' }: RunSearch,
): Promise<RunPage> {
  // By itself first: what is wrong in it is said with the column that the user sees.
  if (where !== undefined) parseFilter(where);
  const conditions = [...(where === undefined ? [] : [where]), ...(children ? [] : [NO_PARENT])];
  const experiments = await sql.all('SELECT experiment_id FROM experiments');
  const { ids, isLast, pageToken } = await findRuns(
    sql,
    experiments.map((row) => String(row['experiment_id'])),
    {
      filter: conditions.join(' AND '),
      view: VIEWS[lifecycle],
      maxResults: Math.min(limit, MAX_RESULTS),
      orderBy: sort === undefined ? [] : [sort],
      pageToken: token,
    },
    ROOT,
  );
  return {
    runs: await withExperiments(sql, await readRuns(sql, ids, ROOT)),
    ...(isLast || pageToken === undefined ? {} : { nextPageToken: pageToken }),
  };
}

async function withExperiments(sql: Sql, runs: readonly Run[]): Promise<TrackedRun[]> {
  const ids = [...new Set(runs.map(({ info }) => Number(info.experiment_id)))];
  const rows = await sql.all(
    `SELECT experiment_id, name FROM experiments WHERE experiment_id IN ${inList(sql, 'integer')}`,
    listOf(ids),
  );
  const names = new Map(rows.map((row) => [String(row['experiment_id']), String(row['name'])]));
  return runs.map((run) => trackedRunOf(run, names.get(run.info.experiment_id) ?? ''));
}

/** See `Tracking.read`. */
export async function readTracked(sql: Sql, id: string): Promise<TrackedRunDetails | undefined> {
  const [found] = await readRuns(sql, [id], ROOT);
  if (found === undefined) return undefined;
  const [run] = await withExperiments(sql, [found]);
  if (run === undefined) return undefined;
  const artifacts = await sql.all(
    'SELECT path, digest, size, kind FROM artifacts WHERE run_uuid = ? ORDER BY path',
    id,
  );
  const children = await sql.all(
    `SELECT r.run_uuid, r.name, r.status FROM tags t JOIN runs r ON r.run_uuid = t.run_uuid
     WHERE t.key = 'mlflow.parentRunId' AND t.value = ? AND r.lifecycle_stage = 'active'
     ORDER BY r.start_time, r.name, r.run_uuid`,
    id,
  );
  return {
    ...run,
    artifacts: artifacts.map((row) => ({
      path: String(row['path']),
      digest: row['digest'] as Digest,
      size: Number(row['size']),
      kind: row['kind'] as OutputKind,
    })),
    datasets: datasetsOf(found),
    children: children.map((row) => ({
      id: String(row['run_uuid']),
      name: String(row['name']),
      status: row['status'] as TrackedStatus,
    })),
  };
}

/** All of a metric's points. */
export async function readHistory(sql: Sql, run: string, key: string): Promise<MetricWrite[]> {
  const points: MetricWrite[] = [];
  let token: string | undefined;
  do {
    const page = await historyPage(sql, run, key, { maxResults: undefined, pageToken: token });
    for (const { value, step, timestamp } of pointsOf(page.metrics))
      points.push({ key, value, step, timestamp });
    token = page.next_page_token;
  } while (token !== undefined);
  return points;
}

/** Ids of at most two runs; see `Tracking.idsLike`. */
export async function idsLike(sql: Sql, text: string): Promise<string[]> {
  if (text === '') return [];
  const given = 'CAST(? AS text)';
  const rows = await sql.all(
    `SELECT run_uuid AS id FROM runs WHERE lifecycle_stage = 'active'
       AND (substr(run_uuid, 1, length(${given})) = ${given} OR name = ${given}
         OR (length(name) > length(${given}) AND substr(name, length(name) - length(${given})) = ' ' || ${given}))
     ORDER BY run_uuid LIMIT 2`,
    ...Array.from({ length: 6 }, () => text),
  );
  return rows.map((row) => String(row['id']));
}

/** See `Tracking.keys`. */
export async function readKeys(sql: Sql): Promise<TrackedKeys> {
  const of = async (table: string): Promise<string[]> =>
    (await sql.all(`SELECT DISTINCT key FROM ${table} ORDER BY key`)).map((row) => String(row['key']));
  return { metrics: await of('latest_metrics'), params: await of('params'), tags: await of('tags') };
}
