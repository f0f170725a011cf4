import type { Sql, SqlValue } from '../../db/sql.ts';
import { experimentNumber } from './check.ts';
import { inList, listOf } from './in-list.ts';
import { invalid } from './mlflow-error.ts';
import { folderOf } from './traces.ts';

/** Either by id, or all up to a time, the oldest first. */
export interface TraceChoice {
  readonly experimentId: string;
  readonly ids: readonly string[];
  /** Milliseconds since the Unix epoch. */
  readonly until: number | undefined;
  readonly atMost: number | undefined;
}

/** The traces that a client wants to be rid of, with their folders among the artifacts. */
export async function chooseTraces(
  sql: Sql,
  { experimentId, ids, until, atMost }: TraceChoice,
  root: string,
): Promise<{ id: string; folder: string }[]> {
  if (until === undefined && ids.length === 0)
    throw invalid('Either `max_timestamp_millis` or `request_ids` must be specified.');
  if (until !== undefined && ids.length > 0)
    throw invalid('Only one of `max_timestamp_millis` and `request_ids` can be specified.');
  if (ids.length > 0 && atMost !== undefined)
    throw invalid("`max_traces` can't be specified if `request_ids` is specified.");
  if (atMost !== undefined && atMost < 1)
    throw invalid(`\`max_traces\` must be a positive integer, received ${atMost}.`);
  const number = experimentNumber(experimentId);
  if (number === undefined) return [];
  const [condition, value]: [string, SqlValue] =
    until === undefined
      ? [`t.trace_id IN ${inList(sql, 'text')}`, listOf(ids)]
      : ['t.request_time <= ?', until];
  const rows = await sql.all(
    `SELECT t.trace_id, e.experiment_id, e.artifact_location FROM traces t JOIN experiments e ON e.experiment_id = t.experiment_id
     WHERE t.experiment_id = ? AND ${condition} ORDER BY t.request_time, t.trace_id LIMIT ?`,
    number,
    value,
    atMost ?? Number.MAX_SAFE_INTEGER,
  );
  return rows.map((row) => {
    const id = String(row['trace_id']);
    return { id, folder: folderOf(row, id, root) };
  });
}

/** Gives the number of traces that were there. */
export async function deleteTraces(sql: Sql, ids: readonly string[]): Promise<number> {
  return sql.run(`DELETE FROM traces WHERE trace_id IN ${inList(sql, 'text')}`, listOf(ids));
}
