import type { Sql } from '../../db/sql.ts';
import { inList, listOf } from './in-list.ts';

/** Says that a trace's spans are in the database, and not in a file among its artifacts. */
export const SPANS_TAG = { key: 'mlflow.trace.spansLocation', value: 'TRACKING_STORE' } as const;

/** A span of a trace as it is kept. */
export interface Span {
  /** 16 lower-case hex digits. */
  readonly id: string;
  readonly name: string;
  /** `LLM`, `TOOL`, …; `UNKNOWN` if nobody said. */
  readonly type: string;
  readonly status: 'OK' | 'ERROR' | 'UNSET';
  /** Nanoseconds since the Unix epoch. */
  readonly start: bigint;
  /** JSON as it stands in MLflow's `traces.json`. */
  readonly content: string;
}

/** A span that is there by the same id becomes this one. */
export async function writeSpans(sql: Sql, traceId: string, spans: readonly Span[]): Promise<void> {
  await sql.runMany(
    `INSERT INTO spans (trace_id, span_id, name, type, status, start_time, content) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (trace_id, span_id) DO UPDATE SET name = excluded.name, type = excluded.type, status = excluded.status,
       start_time = excluded.start_time, content = excluded.content`,
    spans.map(({ id, name, type, status, start, content }) => [
      traceId,
      id,
      name,
      type,
      status,
      // As text of one length: beyond 2^53, and sorted as the numbers are.
      String(start).padStart(20, '0'),
      content,
    ]),
  );
}

/** Contents of the spans of some traces, by the trace, in the order of their beginnings. */
export async function spansOf(
  sql: Sql,
  traceIds: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const rows = await sql.all(
    `SELECT trace_id, content FROM spans WHERE trace_id IN ${inList(sql, 'text')} ORDER BY trace_id, start_time, span_id`,
    listOf(traceIds),
  );
  const ofTraces = Map.groupBy(rows, (row) => String(row['trace_id']));
  return new Map(Array.from(ofTraces, ([id, own]) => [id, own.map(({ content }) => String(content))]));
}

/** The file that clients read which know of no other place; undefined if the database has no span of the trace. */
export async function spansFile(sql: Sql, traceId: string): Promise<string | undefined> {
  const contents = (await spansOf(sql, [traceId])).get(traceId);
  return contents === undefined ? undefined : `{"spans":[${contents.join(',')}]}`;
}
