import { quoteIdentifier } from './sql-text.ts';
import type { Tables } from './tables.ts';

export interface Moments {
  readonly mean: number;
  readonly std: number;
}

/** A column of numbers and the least and greatest finite ones in it. */
export interface NumberRange {
  readonly name: string;
  readonly min: number;
  readonly max: number;
}

/** Places from the least to the greatest number: sums of them fit a HUGEINT, of any number of rows there can be. */
const PLACES_BITS = 50;
/** Places for squares, which must fit a BIGINT; coarse, yet far below any standard deviation of so many rows. */
const SQUARE_BITS = 30;

/**
 * Mean and standard deviation of the finite values, the same on any number of threads: sums of doubles
 * depend on the order in which threads finish, so each value counts as a whole number of places between
 * `min` and `max`.
 */
export async function readMoments(
  tables: Tables,
  from: string,
  columns: readonly NumberRange[],
): Promise<Map<string, Moments>> {
  const spread = columns.filter(({ min, max }) => max > min && Number.isFinite(max - min));
  const moments = new Map<string, Moments>(
    columns.flatMap(({ name, min, max }) => (min === max ? [[name, { mean: min, std: 0 }] as const] : [])),
  );
  if (spread.length === 0) return moments;
  const places = spread.map(({ name, min, max }, index) => {
    const value = `${quoteIdentifier(name)}::DOUBLE`;
    const share = `(${value} - ${double(min)}) / ${double(max - min)}`;
    return `CASE WHEN isfinite(${value}) THEN round(${share} * ${2 ** PLACES_BITS})::BIGINT END AS p${index}`;
  });
  const sums = spread.map(
    (_, index) =>
      `count(p${index})::VARCHAR AS n${index}, sum(p${index})::VARCHAR AS s${index},
       sum(p${index} >> ${PLACES_BITS - SQUARE_BITS})::VARCHAR AS t${index},
       sum((p${index} >> ${PLACES_BITS - SQUARE_BITS}) * (p${index} >> ${PLACES_BITS - SQUARE_BITS}))::VARCHAR AS q${index}`,
  );
  const [row] = await tables.query(
    `SELECT ${sums.join(', ')} FROM (SELECT ${places.join(', ')} FROM ${from})`,
  );
  for (const [index, { name, min, max }] of spread.entries()) {
    const get = (key: string): bigint => BigInt(String(row?.[`${key}${index}`]));
    const [n, coarse] = [get('n'), get('t')];
    const variance = Number(n * get('q') - coarse * coarse) / Number(n) ** 2;
    moments.set(name, {
      mean: min + (max - min) * (Number(get('s')) / Number(n) / 2 ** PLACES_BITS),
      std: (max - min) * (Math.sqrt(variance) / 2 ** SQUARE_BITS),
    });
  }
  return moments;
}

function double(value: number): string {
  return `'${value}'::DOUBLE`;
}
