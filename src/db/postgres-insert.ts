/** An INSERT of one group of placeholders, as `Sql.runMany` takes it. */
const INSERT = /^(INSERT INTO (\w+) \(([^)]*)\))\s+VALUES \((?:\?(?:, )?)+\)/;

/** Types by `table.column`. */
export type ColumnTypes = ReadonlyMap<string, string>;

/** Gives the rows of `ColumnTypes` for a schema. */
export const COLUMN_TYPES = `SELECT c.relname || '.' || a.attname AS name, format_type(a.atttypid, NULL) AS type
  FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
  WHERE c.relnamespace = to_regnamespace($1) AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped`;

/**
 * The same INSERT for any number of rows, with one array for each column: as a text that is always the same
 * it is parsed once, and takes as many values as a row has.
 */
export function insertOfArrays(text: string, types: ColumnTypes): string {
  const [values, insert = '', table = '', list = ''] = INSERT.exec(text) ?? [];
  if (values === undefined) throw new Error(`Internal error: no INSERT of many rows: ${text.slice(0, 80)}`);
  const arrays = list.split(/,\s*/).map((column, index) => {
    const type = types.get(`${table}.${column}`);
    if (type === undefined) throw new Error(`Internal error: ${table} has no column ${column}`);
    return `CAST($${index + 1} AS ${type}[])`;
  });
  return `${insert} SELECT * FROM unnest(${arrays.join(', ')})${text.slice(values.length)}`;
}
