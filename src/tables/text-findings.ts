import { ROW } from '../core/columns.ts';
import { describeSelect } from './describe-table.ts';
import { quoteIdentifier, quoteLiteral } from './sql-text.ts';
import type { Tables } from './tables.ts';

/** What the values of a text column tell about it. */
export interface TextFinding {
  readonly column: string;
  /** Row number of the first value with a NUL character, from 0. */
  readonly nulRow?: number;
  /** Nearly all values are of this type … */
  readonly nearly?: 'float' | 'date';
  /** … but so many of the rows looked at are not, as this one. */
  readonly odd?: { readonly count: number; readonly example: string };
}

/** From this share on, a text column is said to be nearly one of numbers or times. */
const NEARLY = 0.9;
const SAMPLE_ROWS = 300_000;

/** Looks through the text columns of a Parquet table with row numbers; no finding, no entry. */
export async function findInTexts(tables: Tables, path: string, rows: number): Promise<TextFinding[]> {
  const from = `read_parquet(${quoteLiteral(path)})`;
  const texts = (await describeSelect(tables, `SELECT * FROM ${from}`)).filter(
    ({ sqlType }) => sqlType === 'VARCHAR',
  );
  if (texts.length === 0) return [];
  const id = quoteIdentifier(ROW);
  const [nuls] = await tables.query(
    `SELECT ${texts
      .map(({ name }, n) => `min(${id}) FILTER (contains(${quoteIdentifier(name)}, chr(0)))::DOUBLE AS n${n}`)
      .join(', ')} FROM ${from}`,
  );
  const step = Math.max(1, Math.ceil(rows / SAMPLE_ROWS));
  const kinds = texts.map(({ name }, n) => {
    const value = `nullif(trim(${quoteIdentifier(name)}), '')`;
    return ['DOUBLE', 'TIMESTAMP']
      .map((type, k) => {
        const cast = `TRY_CAST(${value} AS ${type})`;
        return `count(${value})::DOUBLE AS c${n}, count(${cast})::DOUBLE AS k${n}_${k}, min(${value}) FILTER (${cast} IS NULL) AS e${n}_${k}`;
      })
      .join(', ');
  });
  const [row] = await tables.query(`SELECT ${kinds.join(', ')} FROM ${from} WHERE ${id} % ${step} = 0`);
  return texts.flatMap(({ name }, n): TextFinding[] => {
    const nul = nuls?.[`n${n}`];
    if (typeof nul === 'number') return [{ column: name, nulRow: nul }];
    const count = Number(row?.[`c${n}`]);
    for (const [k, nearly] of (['float', 'date'] as const).entries()) {
      const fitting = Number(row?.[`k${n}_${k}`]);
      if (count === 0 || fitting < count * NEARLY) continue;
      const example = row?.[`e${n}_${k}`];
      if (example === null) return [{ column: name, nearly }];
      return [{ column: name, nearly, odd: { count: count - fitting, example: String(example) } }];
    }
    return [];
  });
}
