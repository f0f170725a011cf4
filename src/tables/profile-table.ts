import type { ColumnType } from '../core/columns.ts';
import { ROW } from '../core/columns.ts';
import { describeSelect, type TableColumn } from './describe-table.ts';
import { type NumberRange, readMoments } from './moments.ts';
import { quoteIdentifier, quoteLiteral } from './sql-text.ts';
import type { Tables } from './tables.ts';

/** What a person would look at first in a table. */
export interface TableProfile {
  readonly rows: number;
  readonly columns: readonly ColumnProfile[];
}

export interface ColumnProfile {
  readonly name: string;
  readonly type: ColumnType;
  readonly missing: number;
  /** Different values; of many rows an estimate within a few percent. */
  readonly distinct: number;
  /** Of numbers; dates are text. Absent if all values are missing. */
  readonly min?: number | string;
  readonly max?: number | string;
  readonly mean?: number;
  readonly std?: number;
  /** At 5, 25, 50, 75 and 95 percent of the rows. */
  readonly quantiles?: readonly number[];
  /** Of numbers: how many lie in each of 20 bins of equal width from `min` to `max`, of the rows quantiles are of. */
  readonly histogram?: readonly number[];
  /** The most frequent values with their counts, of text and booleans. */
  readonly top?: readonly { readonly value: string; readonly count: number }[];
}

const TOP = 20;
const BINS = 20;

/** Up to here, different values are counted one by one. */
const EXACT_ROWS = 100_000;

/** Above this, quantiles are taken of every n-th row: the same rows on every machine. */
const SAMPLE_ROWS = 300_000;

/** Profiles a Parquet table. Sums are over integers or in a fixed order: the same numbers on any machine. */
export async function profileTable(tables: Tables, path: string): Promise<TableProfile> {
  const from = `read_parquet(${quoteLiteral(path)})`;
  const columns = (await describeSelect(tables, `SELECT * FROM ${from}`)).filter(({ name }) => name !== ROW);
  const [size] = await tables.query(`SELECT count(*)::DOUBLE AS rows FROM ${from}`);
  const exact = Number(size?.['rows'] ?? 0) <= EXACT_ROWS;
  const [counts] = await tables.query(
    `SELECT count(*)::DOUBLE AS rows${columns.map((column, index) => `, ${aggregates(column, index, exact)}`).join('')} FROM ${from}`,
  );
  const rows = Number(counts?.['rows'] ?? 0);
  const step = Math.max(1, Math.ceil(rows / SAMPLE_ROWS));
  const numeric = columns.filter(({ type }) => type === 'integer' || type === 'float');
  const quantiles = await readQuantiles(tables, from, numeric, step);
  const ranges = numeric.flatMap((column): NumberRange[] => {
    const index = columns.indexOf(column);
    const min = counts?.[`min_${index}`];
    if (min === null) return [];
    return [{ name: column.name, min: Number(min), max: Number(counts?.[`max_${index}`]) }];
  });
  const histograms = await readHistograms(tables, from, ranges, step);
  const moments = await readMoments(tables, from, ranges);
  const profiles: ColumnProfile[] = [];
  for (const [index, column] of columns.entries()) {
    const get = (key: string): unknown => counts?.[`${key}_${index}`];
    const { name, type } = column;
    const isNumeric = type === 'integer' || type === 'float';
    const [min, max] = [get('min'), get('max')];
    const top = type === 'text' || type === 'boolean' ? await readTop(tables, from, name) : undefined;
    profiles.push({
      name,
      type,
      missing: Number(get('missing')),
      distinct: Math.min(Number(get('distinct')), rows),
      ...(min === null || min === undefined || type === 'text' || type === 'boolean'
        ? {}
        : { min: isNumeric ? Number(min) : String(min), max: isNumeric ? Number(max) : String(max) }),
      ...moments.get(name),
      ...(quantiles.get(name) === undefined ? {} : { quantiles: quantiles.get(name) }),
      ...(histograms.get(name) === undefined ? {} : { histogram: histograms.get(name) }),
      ...(top === undefined ? {} : { top }),
    } as ColumnProfile);
  }
  return { rows, columns: profiles };
}

function aggregates({ name, type }: TableColumn, index: number, exact: boolean): string {
  const id = quoteIdentifier(name);
  const missing =
    type === 'text' ? `count(*) FILTER (${id} IS NULL OR ${id}::VARCHAR = '')` : `count(*) - count(${id})`;
  const parts = [
    `(${missing})::DOUBLE AS missing_${index}`,
    `${exact ? `count(DISTINCT ${id})` : `approx_count_distinct(${id})`}::DOUBLE AS distinct_${index}`,
  ];
  if (type === 'integer' || type === 'float') {
    parts.push(
      `min(${id})${finite(id, type)}::DOUBLE AS min_${index}`,
      `max(${id})${finite(id, type)}::DOUBLE AS max_${index}`,
    );
  }
  if (type === 'date')
    parts.push(`min(${id})::VARCHAR AS min_${index}`, `max(${id})::VARCHAR AS max_${index}`);
  return parts.join(', ');
}

/** Infinities and NaN say nothing about where the numbers lie, and JSON has no word for them. */
function finite(id: string, type: ColumnType): string {
  return type === 'float' ? ` FILTER (isfinite(${id}))` : '';
}

async function readQuantiles(
  tables: Tables,
  from: string,
  columns: readonly TableColumn[],
  step: number,
): Promise<Map<string, number[]>> {
  if (columns.length === 0) return new Map();
  const list = columns.map(
    ({ name, type }, index) =>
      `quantile_disc(${quoteIdentifier(name)}::DOUBLE, [0.05, 0.25, 0.5, 0.75, 0.95])${finite(quoteIdentifier(name), type)} AS q_${index}`,
  );
  const [row] = await tables.query(
    `SELECT ${list.join(', ')} FROM ${from} WHERE ${quoteIdentifier(ROW)} % ${step} = 0`,
  );
  return new Map(
    columns.flatMap(({ name }, index) => {
      const values = row?.[`q_${index}`];
      return Array.isArray(values) ? [[name, values.map(Number)] as const] : [];
    }),
  );
}

async function readHistograms(
  tables: Tables,
  from: string,
  ranges: readonly NumberRange[],
  step: number,
): Promise<Map<string, number[]>> {
  const spread = ranges.filter(({ min, max }) => max > min && Number.isFinite(max - min));
  if (spread.length === 0) return new Map();
  const bins = spread.map(({ name, min, max }, index) => {
    const value = `${quoteIdentifier(name)}::DOUBLE`;
    const share = `(${value} - '${min}'::DOUBLE) / '${max - min}'::DOUBLE`;
    return `CASE WHEN isfinite(${value}) THEN least(floor(${share} * ${BINS}), ${BINS - 1})::INTEGER END AS b${index}`;
  });
  const counts = spread.map(
    (_, index) =>
      `[${Array.from({ length: BINS }, (__, bin) => `count(*) FILTER (b${index} = ${bin})::INTEGER`).join(', ')}] AS h${index}`,
  );
  const [row] = await tables.query(
    `SELECT ${counts.join(', ')} FROM (SELECT ${bins.join(', ')} FROM ${from} WHERE ${quoteIdentifier(ROW)} % ${step} = 0)`,
  );
  return new Map(
    spread.flatMap(({ name }, index) => {
      const bars = row?.[`h${index}`];
      return Array.isArray(bars) ? [[name, bars.map(Number)] as const] : [];
    }),
  );
}

async function readTop(
  tables: Tables,
  from: string,
  name: string,
): Promise<{ value: string; count: number }[]> {
  const rows = await tables.query(
    `SELECT ${quoteIdentifier(name)}::VARCHAR AS value, count(*)::DOUBLE AS count FROM ${from}
     WHERE ${quoteIdentifier(name)} IS NOT NULL GROUP BY value ORDER BY count DESC, value LIMIT ${TOP}`,
  );
  return rows.map((row) => ({ value: String(row['value']), count: Number(row['count']) }));
}
