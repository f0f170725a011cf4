import type { Sql } from '../../db/sql.ts';
import { type Grammar, parseFilter, parseOrder } from '../filter.ts';
import { conditionOf, orderOf, type Searched } from '../filter-sql.ts';
import { offsetOf, pageToken } from '../page-token.ts';
import { experimentNumber } from './check.ts';
import { inList, listOf } from './in-list.ts';
import { invalid } from './mlflow-error.ts';
import { type Trace, tracesOf } from './traces.ts';

const GRAMMAR: Grammar = {
  what: 'a trace',
  attributes: {
    trace_id: 'trace_id',
    request_id: 'trace_id',
    experiment_id: 'experiment_id',
    timestamp: 'request_time',
    timestamp_ms: 'request_time',
    request_time: 'request_time',
    execution_time: 'execution_ms',
    execution_time_ms: 'execution_ms',
    execution_duration: 'execution_ms',
    end_time: 'end_time',
    end_time_ms: 'end_time',
    status: 'state',
    state: 'state',
    client_request_id: 'client_request_id',
    name: 'name',
    run_id: 'run_id',
  },
  numeric: new Set(['experiment_id', 'request_time', 'execution_ms', 'end_time']),
  entities: ['attribute', 'tag', 'metadata'],
};

const TRACES: Searched = {
  columns: {
    trace_id: 't.trace_id',
    experiment_id: 't.experiment_id',
    request_time: 't.request_time',
    execution_ms: 't.execution_ms',
    end_time: '(t.request_time + t.execution_ms)',
    state: 't.state',
    client_request_id: 't.client_request_id',
    name: valueOf('trace_tags', 'mlflow.traceName'),
    run_id: valueOf('trace_metadata', 'mlflow.sourceRun'),
  },
  keyed: {
    tag: { table: 'trace_tags', join: 'x.trace_id = t.trace_id' },
    metadata: { table: 'trace_metadata', join: 'x.trace_id = t.trace_id' },
  },
};

export interface TraceSearch {
  readonly experimentIds: readonly string[];
  readonly filter: string;
  readonly maxResults: number;
  readonly orderBy: readonly string[];
  readonly pageToken: string | undefined;
}

/** MLflow's limit for a page of traces. */
const MAX_RESULTS = 500;

/** A page of traces, the newest first, and a token only if more follow. */
export async function searchTraces(
  sql: Sql,
  { experimentIds, filter, maxResults, orderBy, pageToken: before }: TraceSearch,
): Promise<{ traces: Trace[]; token: { next_page_token?: string } }> {
  if (maxResults < 1 || maxResults > MAX_RESULTS)
    throw invalid(
      `Invalid value ${maxResults} for parameter 'max_results' supplied: it must be from 1 to ${MAX_RESULTS}.`,
    );
  const conditions =
    filter.trim() === ''
      ? []
      : parseFilter(filter, GRAMMAR).map((one) => conditionOf(one, sql.dialect, TRACES));
  const orders =
    orderBy.length === 0 ? [] : parseOrder(orderBy.join(', '), GRAMMAR).map((one) => orderOf(one, TRACES));
  const offset = offsetOf(before === '' ? undefined : before);
  const rows = await sql.all(
    `SELECT t.* FROM traces t WHERE t.experiment_id IN ${inList(sql, 'integer')}
       ${conditions.map(({ text }) => `AND (${text})`).join(' ')}
     ORDER BY ${[...orders.map(({ text }) => text), 't.request_time DESC', 't.trace_id'].join(', ')} LIMIT ? OFFSET ?`,
    listOf(experimentIds.flatMap((id) => experimentNumber(id) ?? [])),
    ...[...conditions, ...orders].flatMap(({ values }) => values),
    maxResults + 1,
    offset,
  );
  return {
    traces: await tracesOf(sql, rows.slice(0, maxResults)),
    token: rows.length > maxResults ? { next_page_token: pageToken(offset + maxResults) } : {},
  };
}

function valueOf(table: string, key: string): string {
  return `(SELECT x.value FROM ${table} x WHERE x.trace_id = t.trace_id AND x.key = '${key}')`;
}
