import type { Sql } from '../db/sql.ts';
import { experimentNumber } from '../tracking/mlflow/check.ts';
import { inList, listOf } from '../tracking/mlflow/in-list.ts';
import type { Need } from './policy.ts';

type Thing = Need['on'];

/**
 * The things that requests name, for policies: a run, a trace and a logged model are their experiment's. What
 * does not exist is nothing, and the route itself says so.
 */
export async function experiment(sql: Sql, { experiment_id }: { experiment_id: string }): Promise<Thing[]> {
  return experiments(sql, { experiment_ids: [experiment_id] });
}

export async function experiments(
  sql: Sql,
  { experiment_ids }: { experiment_ids: readonly string[] },
): Promise<Thing[]> {
  const numbers = experiment_ids.flatMap((id) => experimentNumber(id) ?? []);
  return found(
    await sql.all(
      `SELECT experiment_id AS id FROM experiments WHERE experiment_id IN ${inList(sql, 'integer')}`,
      listOf(numbers),
    ),
  );
}

export async function experimentByName(
  sql: Sql,
  { experiment_name }: { experiment_name: string },
): Promise<Thing[]> {
  return found(await sql.all('SELECT experiment_id AS id FROM experiments WHERE name = ?', experiment_name));
}

export async function run(
  sql: Sql,
  { run_id, run_uuid }: { run_id?: string | undefined; run_uuid?: string | undefined },
): Promise<Thing[]> {
  const id = run_id === undefined || run_id === '' ? run_uuid : run_id;
  return runs(sql, id === undefined || id === '' ? [] : [id]);
}

export async function runs(sql: Sql, ids: readonly string[]): Promise<Thing[]> {
  return experimentsOf(sql, 'runs', 'run_uuid', ids);
}

export async function loggedModel(sql: Sql, { model_id }: { model_id: string }): Promise<Thing[]> {
  return loggedModels(sql, [model_id]);
}

export async function loggedModels(sql: Sql, ids: readonly string[]): Promise<Thing[]> {
  return experimentsOf(sql, 'logged_models', 'model_id', ids);
}

export async function traces(sql: Sql, ids: readonly string[]): Promise<Thing[]> {
  return experimentsOf(sql, 'traces', 'trace_id', ids);
}

export async function requested(sql: Sql, { request_id }: { request_id: string }): Promise<Thing[]> {
  return traces(sql, [request_id]);
}

export async function traced(sql: Sql, { trace_id }: { trace_id: string }): Promise<Thing[]> {
  return traces(sql, [trace_id]);
}

/** A metric of a logged model is kept with the model too. */
export async function modelOfMetric(sql: Sql, { model_id }: MetricOfModel): Promise<Thing[]> {
  return model_id === undefined ? [] : loggedModels(sql, [model_id]);
}

export async function modelsOfMetrics(
  sql: Sql,
  { metrics }: { metrics: readonly MetricOfModel[] },
): Promise<Thing[]> {
  const ids = new Set(metrics.flatMap(({ model_id }) => model_id ?? []));
  return ids.size === 0 ? [] : loggedModels(sql, [...ids]);
}

interface MetricOfModel {
  readonly model_id: string | undefined;
}

export async function modelsNamed(
  sql: Sql,
  { models }: { models: readonly { model_id: string }[] },
): Promise<Thing[]> {
  return models.length === 0
    ? []
    : loggedModels(
        sql,
        models.map(({ model_id }) => model_id),
      );
}

export async function model(sql: Sql, { name }: { name: string }): Promise<Thing[]> {
  const row = await sql.get('SELECT 1 AS found FROM registered_models WHERE name = ?', name);
  return row === undefined ? [] : [{ kind: 'model', name }];
}

/** Names of tables and columns are those of our own schema. */
async function experimentsOf(
  sql: Sql,
  table: string,
  column: string,
  ids: readonly string[],
): Promise<Thing[]> {
  return found(
    await sql.all(
      `SELECT DISTINCT experiment_id AS id FROM ${table} WHERE ${column} IN ${inList(sql, 'text')}`,
      listOf(ids),
    ),
  );
}

function found(rows: readonly Readonly<Record<string, unknown>>[]): Thing[] {
  return rows.map(({ id }) => ({ kind: 'experiment', id: String(id) }));
}
