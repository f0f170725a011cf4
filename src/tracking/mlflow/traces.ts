import { lock } from '../../db/lock.ts';
import type { Row, Sql } from '../../db/sql.ts';
import { TRACKING_LIMITS } from '../../engine/tracking-limits.ts';
import { type Assessment, assessmentsOf, type NewAssessment, writeAssessments } from './assessments.ts';
import { checkLength, checkText, fitTag } from './check.ts';
import { activeExperiment, locationOf } from './experiments.ts';
import { inList, listOf } from './in-list.ts';
import type { Tag } from './messages.ts';
import { invalid, missing } from './mlflow-error.ts';
import { noTrace } from './require-trace.ts';

export const TRACE_STATES = ['STATE_UNSPECIFIED', 'IN_PROGRESS', 'OK', 'ERROR'] as const;
export type TraceState = (typeof TRACE_STATES)[number];

/** One call that was traced; its spans lie as `traces.json` among the artifacts. */
export interface Trace {
  readonly id: string;
  readonly experimentId: string;
  /** When the call began, milliseconds since the Unix epoch. */
  readonly requestTime: number;
  /** Milliseconds; unknown while the call goes on. */
  readonly executionMs: number | undefined;
  readonly state: TraceState;
  readonly clientRequestId: string | undefined;
  readonly requestPreview: string | undefined;
  readonly responsePreview: string | undefined;
  readonly metadata: readonly Tag[];
  readonly tags: readonly Tag[];
  /** The oldest first. */
  readonly assessments: readonly Assessment[];
}

/** A trace as a client sends it. */
export interface NewTrace extends Omit<Trace, 'assessments'> {
  readonly assessments?: readonly NewAssessment[];
}

/** Where clients look for the spans. */
const LOCATION_TAG = 'mlflow.artifactLocation';
const MAX_PREVIEW = 10_000;

/** The last millisecond that protobuf's `Timestamp` has: a later one would break every client that reads it. */
const LAST_TIME = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
/** Of protobuf's `Duration`: 10 000 years. */
const LONGEST_MS = 315_576_000_000_000;

/** Clients give ids, and may send a trace again with what they learnt since. */
export async function writeTrace(sql: Sql, trace: NewTrace, root: string): Promise<void> {
  const { id, requestTime, executionMs, state } = trace;
  // An id is part of a path.
  if (!/^[A-Za-z0-9][\w-]{0,127}$/.test(id)) throw invalid(`Invalid trace ID: '${id.slice(0, 80)}'`);
  checkTime(requestTime);
  if (executionMs !== undefined && executionMs > LONGEST_MS)
    throw invalid(`Invalid duration of the trace ${id}: ${executionMs} ms`);
  checkLength('Request preview', trace.requestPreview ?? '', MAX_PREVIEW);
  checkLength('Response preview', trace.responsePreview ?? '', MAX_PREVIEW);
  checkLength('Client request ID', trace.clientRequestId ?? '', TRACKING_LIMITS.key);
  const experiment = await activeExperiment(sql, trace.experimentId);
  const before = await sql.get('SELECT experiment_id FROM traces WHERE trace_id = ?', id);
  if (before !== undefined && Number(before['experiment_id']) !== experiment)
    throw invalid(`The trace ${id} belongs to another experiment.`);
  const row = await sql.get(
    'SELECT experiment_id, artifact_location FROM experiments WHERE experiment_id = ?',
    experiment,
  );
  await sql.run(
    `INSERT INTO traces (trace_id, experiment_id, request_time, execution_ms, state, client_request_id, request_preview, response_preview)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (trace_id) DO UPDATE SET
       request_time = excluded.request_time, execution_ms = excluded.execution_ms, state = excluded.state,
       client_request_id = excluded.client_request_id, request_preview = excluded.request_preview,
       response_preview = excluded.response_preview`,
    id,
    experiment,
    requestTime,
    executionMs ?? null,
    state,
    trace.clientRequestId ?? null,
    trace.requestPreview ?? null,
    trace.responsePreview ?? null,
  );
  await writePairs(sql, 'trace_metadata', id, trace.metadata);
  await writePairs(sql, 'trace_tags', id, [
    ...trace.tags,
    { key: LOCATION_TAG, value: `${folderOf(row ?? {}, id, root)}/artifacts` },
  ]);
  await writeAssessments(sql, id, trace.assessments ?? []);
}

/** Makes sure that there is a trace by this id; nobody else changes it until the transaction ends. */
export async function holdTrace(
  sql: Sql,
  { id, experimentId, requestTime }: Pick<Trace, 'id' | 'experimentId' | 'requestTime'>,
): Promise<void> {
  await sql.run(
    `INSERT INTO traces (trace_id, experiment_id, request_time, state) VALUES (?, ?, ?, 'IN_PROGRESS') ON CONFLICT (trace_id) DO NOTHING`,
    id,
    await activeExperiment(sql, experimentId),
    requestTime,
  );
  await sql.get(`SELECT 1 AS found FROM traces WHERE trace_id = ?${lock(sql, 'change')}`, id);
}

export interface TraceEnd {
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  readonly state: TraceState;
  readonly metadata: readonly Tag[];
  readonly tags: readonly Tag[];
}

export async function endTrace(sql: Sql, id: string, end: TraceEnd): Promise<void> {
  checkTime(end.at);
  const changed = await sql.run(
    'UPDATE traces SET execution_ms = ? - request_time, state = ? WHERE trace_id = ?',
    end.at,
    end.state,
    id,
  );
  if (changed === 0) throw noTrace(id);
  await writePairs(sql, 'trace_metadata', id, end.metadata);
  await writePairs(sql, 'trace_tags', id, end.tags);
}

/** @throws MlflowError RESOURCE_DOES_NOT_EXIST */
export async function readTrace(sql: Sql, id: string): Promise<Trace> {
  const row = await sql.get('SELECT * FROM traces WHERE trace_id = ?', id);
  if (row === undefined) throw noTrace(id);
  return (await tracesOf(sql, [row]))[0] as Trace;
}

/** Those of some traces that are there, in the order of the list. */
export async function readTraces(sql: Sql, ids: readonly string[]): Promise<Trace[]> {
  const rows = await sql.all(`SELECT * FROM traces WHERE trace_id IN ${inList(sql, 'text')}`, listOf(ids));
  const found = new Map((await tracesOf(sql, rows)).map((trace) => [trace.id, trace]));
  return [...new Set(ids)].flatMap((id) => found.get(id) ?? []);
}

/** Rows of `traces` with their tags and metadata. */
export async function tracesOf(sql: Sql, rows: readonly Row[]): Promise<Trace[]> {
  const ids = listOf(rows.map((row) => String(row['trace_id'])));
  const of = async (table: PairTable): Promise<Map<string, Row[]>> => {
    const found = await sql.all(
      `SELECT * FROM ${table} WHERE trace_id IN ${inList(sql, 'text')} ORDER BY trace_id, key`,
      ids,
    );
    return Map.groupBy(found, (row) => String(row['trace_id']));
  };
  const metadata = await of('trace_metadata');
  const tags = await of('trace_tags');
  const assessments = await assessmentsOf(
    sql,
    rows.map((row) => String(row['trace_id'])),
  );
  return rows.map((row) => {
    const id = String(row['trace_id']);
    return {
      id,
      experimentId: String(row['experiment_id']),
      requestTime: Number(row['request_time']),
      executionMs: row['execution_ms'] === null ? undefined : Number(row['execution_ms']),
      state: row['state'] as TraceState,
      clientRequestId: textOf(row['client_request_id']),
      requestPreview: textOf(row['request_preview']),
      responsePreview: textOf(row['response_preview']),
      metadata: (metadata.get(id) ?? []).map(pairOf),
      tags: (tags.get(id) ?? []).map(pairOf),
      assessments: assessments.get(id) ?? [],
    };
  });
}

export async function setTraceTag(sql: Sql, id: string, tag: Tag): Promise<void> {
  await readTrace(sql, id);
  await writePairs(sql, 'trace_tags', id, [tag]);
}

export async function deleteTraceTag(sql: Sql, id: string, key: string): Promise<void> {
  await readTrace(sql, id);
  if ((await sql.run('DELETE FROM trace_tags WHERE trace_id = ? AND key = ?', id, key)) === 0)
    throw missing(`No trace tag with key '${key.slice(0, 80)}' for trace with ID '${id}'`);
}

/**
 * Where the files of a trace lie, whatever its tags say, which everybody writes who may edit it. Undefined: there
 * is no such trace.
 */
export async function filesOfTrace(sql: Sql, id: string, root: string): Promise<string | undefined> {
  const row = await sql.get(
    'SELECT e.* FROM traces t JOIN experiments e ON e.experiment_id = t.experiment_id WHERE t.trace_id = ?',
    id,
  );
  return row === undefined ? undefined : `${folderOf(row, id, root)}/artifacts`;
}

/** The folder below which all that a trace has among the artifacts lies; `row` is of `experiments`. */
export function folderOf(row: Row, id: string, root: string): string {
  return `${locationOf(row, root)}/traces/${id}`;
}

function checkTime(at: number): void {
  if (at < 0 || at > LAST_TIME) throw invalid(`Invalid time of a trace: ${at} ms since 1970`);
}

type PairTable = 'trace_tags' | 'trace_metadata';

/** The last of several values for a key stays. */
async function writePairs(sql: Sql, table: PairTable, id: string, pairs: readonly Tag[]): Promise<void> {
  const kept = pairs.map(fitTag);
  for (const { key, value } of kept) {
    checkLength('key', key, TRACKING_LIMITS.key);
    checkText('value', value);
  }
  await sql.runMany(
    `INSERT INTO ${table} (trace_id, key, value) VALUES (?, ?, ?) ON CONFLICT (trace_id, key) DO UPDATE SET value = excluded.value`,
    Array.from(new Map(kept.map(({ key, value }) => [key, value])), ([key, value]) => [id, key, value]),
  );
}

function pairOf(row: Row): Tag {
  return { key: String(row['key']), value: String(row['value']) };
}

function textOf(value: unknown): string | undefined {
  return value === null ? undefined : String(value);
}
