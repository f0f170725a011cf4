import type { Row, Sql } from '../../db/sql.ts';
import { inList, listOf } from './in-list.ts';

/** Tables of what runs have by key, each with its columns. */
const COLUMNS = {
  latest_metrics: ['key', 'value', 'timestamp', 'step', 'is_nan'],
  params: ['key', 'value'],
  tags: ['key', 'value'],
} as const;

/** What each of many runs has, ordered by key; a run that has nothing may be missing. */
export async function valuesOfRuns(
  sql: Sql,
  table: keyof typeof COLUMNS,
  ids: readonly string[],
): Promise<ReadonlyMap<string, readonly Row[]>> {
  return sql.dialect === 'sqlite' ? byRow(sql, table, ids) : byRun(sql, table, ids);
}

async function byRow(sql: Sql, table: string, ids: readonly string[]): Promise<Map<string, Row[]>> {
  const rows = await sql.all(
    `SELECT * FROM ${table} x WHERE x.run_uuid IN ${inList(sql, 'text')} ORDER BY x.run_uuid, x.key`,
    listOf(ids),
  );
  return Map.groupBy(rows, (row) => String(row['run_uuid']));
}

/**
 * A row for each run, its columns as lists: the driver takes as long for a row as for all values of a run.
 * Run by run, as the key of the table has them in their order already.
 */
async function byRun(
  sql: Sql,
  table: keyof typeof COLUMNS,
  ids: readonly string[],
): Promise<Map<string, Row[]>> {
  const columns: readonly string[] = COLUMNS[table];
  const rows = await sql.all(
    `SELECT run.id, found.* FROM jsonb_array_elements_text(CAST(? AS jsonb)) AS run (id) CROSS JOIN LATERAL
       (SELECT ${columns.map((column) => `json_agg(x.${column}) AS ${column}`).join(', ')}
          FROM (SELECT * FROM ${table} x WHERE x.run_uuid = run.id ORDER BY x.key) AS x) AS found`,
    listOf(ids),
  );
  return new Map(rows.map((row) => [String(row['id']), unpacked(row, columns)]));
}

function unpacked(row: Row, columns: readonly string[]): Row[] {
  const keys = (row['key'] ?? []) as readonly unknown[];
  const values = keys.map((): Record<string, unknown> => ({}));
  for (const column of columns) {
    const list = row[column] as readonly unknown[];
    for (const [index, value] of values.entries()) value[column] = list[index];
  }
  return values;
}
