import { ROW } from '../core/columns.ts';
import type { ReportEntry } from '../core/events.ts';
import { describeSelect } from './describe-table.ts';
import { quoteLiteral } from './sql-text.ts';
import type { Tables } from './tables.ts';

export interface DatasetUse {
  /** The input that the table came by. */
  readonly name: string;
  readonly digest: string | undefined;
  readonly path: string;
  readonly context: 'training' | 'validation' | 'test';
}

/** The line of a report that says which table was used for what: its columns, and how many rows it has. */
export async function datasetEntry(
  tables: Tables,
  { name, digest, path, context }: DatasetUse,
): Promise<ReportEntry> {
  const source = `SELECT * FROM read_parquet(${quoteLiteral(path)})`;
  const columns = await describeSelect(tables, source);
  const [count] = await tables.query(`SELECT count(*)::DOUBLE AS n FROM (${source})`);
  return {
    type: 'dataset',
    name,
    digest: digest ?? '',
    source: name,
    context,
    schema: columns.filter((column) => column.name !== ROW).map(({ name: of, type }) => ({ name: of, type })),
    profile: { num_rows: Number(count?.['n'] ?? 0) },
  };
}
