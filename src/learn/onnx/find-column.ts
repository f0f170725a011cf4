import type { Column, Columns } from '../../core/columns.ts';
import { RecipeError } from '../../core/recipe-error.ts';

/** The column that a model's input is named after. @throws RecipeError DATA_COLUMN_UNKNOWN */
export function findColumn(name: string, { columns }: Columns): Column {
  const column = columns.find((one) => one.name === name);
  if (column !== undefined) return column;
  const known = columns.map((one) => one.name);
  throw new RecipeError('DATA_COLUMN_UNKNOWN', { column: name, what: 'the model', known });
}
