import type { Column, Columns, NumberColumn, TextColumn } from '../../core/columns.ts';
import { unreachable } from '../../core/failure.ts';
import type { Features } from '../model.ts';
import type { CalendarPart, Feature, Transformer } from './transformer.ts';

/** The transformer on rows in memory: what the graph does, value by value. Missing columns are an error. */
export function applyTransformer({ features }: Transformer, { rows, columns }: Columns): Features {
  const byName = new Map(columns.map((column) => [column.name, column]));
  return {
    rows,
    columns: features.map((feature) => {
      const column = byName.get(feature.column);
      if (column === undefined) throw new Error(`the column ${feature.column} is missing`);
      return { name: feature.name, values: valuesOf(feature, column, rows) };
    }),
  };
}

function valuesOf(feature: Feature, column: Column, rows: number): Float32Array {
  switch (feature.op) {
    case 'number':
      return Float32Array.from(numbers(column));
    case 'scale': {
      const { fill, mean, std } = feature;
      const [f, m, s] = [Math.fround(fill), Math.fround(mean), Math.fround(std)];
      return Float32Array.from(numbers(column), (value) => {
        const x = Number.isNaN(value) ? f : Math.fround(value);
        return Math.fround(x - m) / s;
      });
    }
    case 'one-hot':
      return encoded(text(column), rows, new Map([[feature.value, 1]]));
    case 'frequency':
      return encoded(text(column), rows, new Map(feature.shares));
    case 'calendar':
      return Float32Array.from(numbers(column), (ms) =>
        calendarPart(feature.part, Number.isNaN(ms) ? 0 : ms),
      );
    default:
      return unreachable(feature);
  }
}

function encoded(
  { codes, dictionary }: TextColumn,
  rows: number,
  values: ReadonlyMap<string, number>,
): Float32Array {
  const byCode = Float32Array.from(dictionary, (value) => values.get(value) ?? 0);
  const result = new Float32Array(rows);
  for (let row = 0; row < rows; row += 1) {
    const code = codes[row] as number;
    result[row] = code === -1 ? 0 : (byCode[code] as number);
  }
  return result;
}

function calendarPart(part: CalendarPart, ms: number): number {
  const date = new Date(ms);
  switch (part) {
    case 'year':
      return date.getUTCFullYear();
    case 'month':
      return date.getUTCMonth() + 1;
    case 'day':
      return date.getUTCDate();
    case 'weekday':
      return date.getUTCDay();
    case 'minute':
      return date.getUTCHours() * 60 + date.getUTCMinutes();
  }
}

function numbers(column: Column): NumberColumn['values'] {
  if (column.type === 'text') throw new Error(`the column ${column.name} is text where a number is expected`);
  return column.values;
}

function text(column: Column): TextColumn {
  if (column.type !== 'text') throw new Error(`the column ${column.name} is no text`);
  return column;
}
