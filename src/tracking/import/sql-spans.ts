import { inList } from '../mlflow/in-list.ts';
import type { Span } from '../mlflow/spans.ts';
import { addTo } from './add-to.ts';
import { parsed } from './parsed.ts';
import type { SqlTables } from './sql-source.ts';

/** Spans that MLflow 3 keeps in its database, by the trace. */
export async function readSpans(
  { reader, cells, findings }: SqlTables,
  traceIds: string,
): Promise<ReadonlyMap<string, readonly Span[]>> {
  const rows = await reader.all(
    `SELECT trace_id, span_id, name, type, status, CAST(start_time_unix_nano AS TEXT) AS start_time, content
     FROM spans WHERE trace_id IN ${inList(reader, 'text')} ORDER BY trace_id, start_time_unix_nano, span_id`,
    traceIds,
  );
  const found = new Map<string, Span[]>();
  for (const row of rows) {
    const trace = String(row['trace_id']);
    const text = (column: string): string | undefined =>
      cells.text(row[column], `a span of the trace ${trace}`);
    const content = withoutNul(text('content') ?? '');
    const status = row['status'];
    if (parsed(content) === undefined || !(status === 'OK' || status === 'ERROR' || status === 'UNSET')) {
      findings.add(
        'skipped',
        'span that is no JSON, or of an unknown status',
        `${trace} ${String(row['span_id'])}`,
      );
      continue;
    }
    const span: Span = {
      id: text('span_id') ?? '',
      name: text('name') ?? '',
      type: text('type') ?? 'UNKNOWN',
      status,
      start: BigInt(String(row['start_time'])),
      content,
    };
    addTo(found, trace, span);
  }
  return found;
}

/** A NUL that JSON escapes; PostgreSQL's JSON has none. */
function withoutNul(json: string): string {
  return json.replaceAll(/(?<!\\)((?:\\\\)*)\\u0000/g, String.raw`$1\ufffd`);
}
