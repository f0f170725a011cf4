import { inList, listOf } from '../mlflow/in-list.ts';
import type { Tag } from '../mlflow/messages.ts';
import { TRACE_STATES, type TraceState } from '../mlflow/traces.ts';
import type { SourceTrace } from './source-records.ts';
import { readAssessments } from './sql-assessments.ts';
import type { SqlTables } from './sql-source.ts';
import { readSpans } from './sql-spans.ts';
import { tagsOf } from './sql-tags.ts';
import { columnsOfTrace } from './sql-trace-columns.ts';
import { readTraceLinks } from './sql-trace-links.ts';

/** Spans of a trace may be megabytes. */
const BATCH = 50;

/** Traces of calls, with their spans where the database keeps those (MLflow 3). */
export async function* readTraces(tables: SqlTables): AsyncGenerator<readonly SourceTrace[]> {
  const { reader, cells, findings } = tables;
  const hasSpans = (await reader.columns('spans')).size > 0;
  const some = `IN ${inList(reader, 'text')}`;
  for (let after = ''; ; ) {
    const rows = await reader.all(
      `SELECT * FROM trace_info WHERE request_id > ? ORDER BY request_id LIMIT ${BATCH}`,
      after,
    );
    const last = rows.at(-1);
    if (last === undefined) return;
    after = String(last['request_id']);
    const ids = listOf(rows.map((row) => String(row['request_id'])));
    const tags = tagsOf(
      tables,
      await reader.all(`SELECT request_id, key, value FROM trace_tags WHERE request_id ${some}`, ids),
      'request_id',
    );
    const metadata = tagsOf(
      tables,
      await reader.all(
        `SELECT request_id, key, value FROM trace_request_metadata WHERE request_id ${some}`,
        ids,
      ),
      'request_id',
    );
    const spans = hasSpans ? await readSpans(tables, ids) : undefined;
    const assessments = await readAssessments(tables, ids);
    const links = await readTraceLinks(tables, ids);
    yield rows.flatMap((row) => {
      const id = String(row['request_id']);
      const state = stateOf(row['status']);
      if (state === undefined || !/^[A-Za-z0-9][\w-]{0,127}$/.test(id)) {
        findings.add('skipped', 'trace with an id or status that MLflow does not know', id);
        return [];
      }
      const text = (column: string): string | undefined =>
        cells.text(row[column], `${column} of the trace ${id}`);
      const columns = columnsOfTrace(row, cells);
      return {
        id,
        experimentId: String(row['experiment_id']),
        requestTime: cells.time(row['timestamp_ms']),
        executionMs: cells.whole(row['execution_time_ms']),
        state,
        clientRequestId: text('client_request_id'),
        requestPreview: text('request_preview'),
        responsePreview: text('response_preview'),
        metadata: joined(metadata.get(id), columns.metadata),
        tags: joined(tags.get(id), columns.tags),
        assessments: assessments.get(id) ?? [],
        spans: spans?.get(id) ?? [],
        links: links.get(id) ?? [],
      };
    });
  }
}

/** Rows come first: MLflow may fill columns ahead of the revision that removes the rows. */
function joined(rows: readonly Tag[] = [], columns: readonly Tag[]): readonly Tag[] {
  return [...rows, ...columns.filter(({ key }) => !rows.some((row) => row.key === key))];
}

/** MLflow 2's name of "unspecified" has a prefix. */
export function stateOf(value: unknown): TraceState | undefined {
  const name = String(value).replace(/^TRACE_STATUS_/, 'STATE_');
  return TRACE_STATES.find((state) => state === name);
}
