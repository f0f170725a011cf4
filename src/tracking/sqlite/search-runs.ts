import type { DatabaseSync } from 'node:sqlite';
import { RecipeError } from '../../core/recipe-error.ts';
import { type Comparison, parseFilter } from '../filter.ts';

/** A tracked run as it is read back. */
export interface TrackedRun {
  readonly id: string;
  readonly name: string;
  readonly experiment: string;
  readonly status: string;
  readonly startTime: number | null;
  readonly endTime: number | null;
  readonly params: Readonly<Record<string, string>>;
  /** Latest values. */
  readonly metrics: Readonly<Record<string, number>>;
  readonly tags: Readonly<Record<string, string>>;
}

export interface RunSearch {
  readonly where?: string | undefined;
  /** `metrics.test_roc_auc DESC`; newest first if not said. */
  readonly sort?: string | undefined;
  readonly limit: number;
  /** Runs of steps too, not only whole runs. */
  readonly children: boolean;
}

const ATTRIBUTES: Readonly<Record<string, string>> = {
  run_id: 'r.run_uuid',
  run_name: 'r.name',
  status: 'r.status',
  start_time: 'r.start_time',
  created: 'r.start_time',
  end_time: 'r.end_time',
  experiment: 'e.name',
};

const TABLES = { metric: 'latest_metrics', param: 'params', tag: 'tags' } as const;

/** Runs that match. What the user wrote is bound, never part of the SQL. */
export function searchRuns(db: DatabaseSync, { where, sort, limit, children }: RunSearch): TrackedRun[] {
  const values: (string | number)[] = [];
  const clauses = (where === undefined ? [] : parseFilter(where)).map((comparison) =>
    clauseOf(comparison, values),
  );
  if (!children)
    clauses.push(
      `NOT EXISTS (SELECT 1 FROM tags t WHERE t.run_uuid = r.run_uuid AND t.key = 'mlflow.parentRunId')`,
    );
  const order = orderOf(sort, values);
  const rows = db
    .prepare(
      `SELECT r.run_uuid FROM runs r JOIN experiments e USING (experiment_id)
       WHERE r.lifecycle_stage = 'active' ${clauses.map((clause) => `AND ${clause}`).join(' ')}
       ORDER BY ${order} r.start_time DESC, r.run_uuid LIMIT ?`,
    )
    .all(...values, limit);
  return rows.flatMap((row) => readRun(db, String(row['run_uuid'])) ?? []);
}

/** One run by its id, or the beginning of it; undefined if there is none or more than one. */
export function findRun(db: DatabaseSync, id: string): TrackedRun | undefined {
  const rows = db
    .prepare(
      `SELECT run_uuid FROM runs WHERE substr(run_uuid, 1, length(?1)) = ?1 OR name = ?1 OR name LIKE '% ' || ?1 LIMIT 2`,
    )
    .all(id);
  const [only] = rows;
  return only === undefined || rows.length > 1 ? undefined : readRun(db, String(only['run_uuid']));
}

function readRun(db: DatabaseSync, id: string): TrackedRun | undefined {
  const row = db
    .prepare(
      'SELECT r.*, e.name AS experiment FROM runs r JOIN experiments e USING (experiment_id) WHERE run_uuid = ?',
    )
    .get(id);
  if (row === undefined) return undefined;
  const pairs = (table: string): [string, unknown][] =>
    db
      .prepare(`SELECT key, value FROM ${table} WHERE run_uuid = ? ORDER BY key`)
      .all(id)
      .map((one) => [String(one['key']), one['value']]);
  return {
    id,
    name: String(row['name']),
    experiment: String(row['experiment']),
    status: String(row['status']),
    startTime: row['start_time'] as number | null,
    endTime: row['end_time'] as number | null,
    params: Object.fromEntries(pairs('params')) as Record<string, string>,
    metrics: Object.fromEntries(pairs('latest_metrics')) as Record<string, number>,
    tags: Object.fromEntries(pairs('tags')) as Record<string, string>,
  };
}

function clauseOf({ entity, key, operator, value }: Comparison, values: (string | number)[]): string {
  const test = testOf(operator, value);
  if (entity !== 'attribute') {
    values.push(key, ...test.values);
    return `EXISTS (SELECT 1 FROM ${TABLES[entity]} x WHERE x.run_uuid = r.run_uuid AND x.key = ? AND ${test.sql('x.value')})`;
  }
  values.push(...test.values);
  return test.sql(attribute(key));
}

/** LIKE is case-sensitive in this language, ILIKE is not; SQLite's own GLOB and LIKE are the other way round. */
function testOf(
  operator: Comparison['operator'],
  value: Comparison['value'],
): { sql: (column: string) => string; values: (string | number)[] } {
  if (Array.isArray(value)) {
    const list = value as readonly string[];
    return {
      sql: (column) => `${column} ${operator} (${list.map(() => '?').join(', ')})`,
      values: [...list],
    };
  }
  const single = value as string | number;
  if (operator === 'LIKE') return { sql: (column) => `${column} GLOB ?`, values: [globOf(String(single))] };
  if (operator === 'ILIKE') return { sql: (column) => `${column} LIKE ?`, values: [String(single)] };
  return { sql: (column) => `${column} ${operator} ?`, values: [single] };
}

function globOf(like: string): string {
  return like.replaceAll(/[*?[]/g, '[$&]').replaceAll('%', '*').replaceAll('_', '?');
}

function orderOf(sort: string | undefined, values: (string | number)[]): string {
  if (sort === undefined) return '';
  const match = /^\s*(?:(metrics|params|tags|attributes)\.)?(.+?)(?:\s+(ASC|DESC))?\s*$/i.exec(sort);
  const [, entity = 'attributes', key = '', direction = 'ASC'] = match ?? [];
  const way = direction.toUpperCase() === 'DESC' ? 'DESC' : 'ASC';
  if (entity === 'attributes') return `${attribute(key)} ${way} NULLS LAST,`;
  values.push(key.replaceAll('`', ''));
  const table = entity === 'metrics' ? 'latest_metrics' : entity;
  return `(SELECT x.value FROM ${table} x WHERE x.run_uuid = r.run_uuid AND x.key = ?) ${way} NULLS LAST,`;
}

function attribute(key: string): string {
  const column = ATTRIBUTES[key];
  if (column === undefined)
    throw new RecipeError('FILTER_INVALID', {
      filter: key,
      problem: `no attribute of that name; there are ${Object.keys(ATTRIBUTES).join(', ')}`,
      column: 1,
    });
  return column;
}
