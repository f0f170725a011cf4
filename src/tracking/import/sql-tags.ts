import type { Row } from '../../db/sql.ts';
import type { Tag } from '../mlflow/messages.ts';
import { addTo } from './add-to.ts';
import type { SqlTables } from './sql-source.ts';

/** Keys and values by the text in the column `of`; a key without a value has an empty one. */
export function tagsOf(
  { cells }: SqlTables,
  rows: readonly Row[],
  of: string,
  [key, value]: readonly [key: string, value: string] = ['key', 'value'],
): Map<string, Tag[]> {
  const found = new Map<string, Tag[]>();
  for (const row of rows) {
    const id = String(row[of]);
    const name = cells.text(row[key], `key of ${id}`) ?? '';
    addTo(found, id, { key: name, value: cells.text(row[value], `${name} of ${id}`) ?? '' });
  }
  return found;
}
