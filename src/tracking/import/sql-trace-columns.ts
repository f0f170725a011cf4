import type { Row } from '../../db/sql.ts';
import type { Tag } from '../mlflow/messages.ts';
import { pythonNumber } from '../mlflow/python-text.ts';
import type { Cells } from './cells.ts';

/**
 * Tags and metadata of a trace that MLflow keeps in columns from 3.17's revision 75868b020152 on, as its clients
 * find them there. None where the database is older: it has them as rows.
 */
export function columnsOfTrace(row: Row, cells: Cells): { tags: readonly Tag[]; metadata: readonly Tag[] } {
  const text = (column: string): string | undefined =>
    cells.text(row[column], `${column} of the trace ${String(row['request_id'])}`);
  const tokens = (column: string): string | undefined => cells.whole(row[column])?.toString();
  const cost = (column: string): string | undefined => {
    const value = row[column];
    return typeof value === 'number' && Number.isFinite(value) ? pythonNumber(value) : undefined;
  };
  return {
    tags: some('mlflow.traceName', text('trace_name')),
    metadata: [
      ...some('mlflow.trace.session', text('session_id')),
      ...some('mlflow.trace.tokenUsage', jsonOf(TOKENS, tokens)),
      ...some('mlflow.trace.cost', jsonOf(COSTS, cost)),
    ],
  };
}

const TOKENS = [
  'input_tokens',
  'output_tokens',
  'total_tokens',
  'cache_read_input_tokens',
  'cache_creation_input_tokens',
  'cache_creation_input_tokens_above_1hr',
];

const COSTS = ['input_cost', 'output_cost', 'total_cost'];

function some(key: string, value: string | undefined): readonly Tag[] {
  return value === undefined ? [] : [{ key, value }];
}

/** An object as Python writes it, as filters compare its text; undefined without a number. */
function jsonOf(
  columns: readonly string[],
  numberIn: (column: string) => string | undefined,
): string | undefined {
  const written = columns.flatMap((column) => {
    const number = numberIn(column);
    return number === undefined ? [] : [`"${column}": ${number}`];
  });
  return written.length === 0 ? undefined : `{${written.join(', ')}}`;
}
