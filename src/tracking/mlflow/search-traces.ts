import type { Sql } from '../../db/sql.ts';
import { columnKey } from '../sort-key.ts';
import { checkMaxResults, experimentNumber } from './check.ts';
import { inList, listOf } from './in-list.ts';
import { comparisonsOf, keysOf, type PageRequest, pageBy, type Searchable } from './page.ts';
import { traceConditions } from './trace-filter.ts';
import { type Trace, tracesOf } from './traces.ts';

const TRACES: Searchable = {
  grammar: {
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
      prompt: 'prompt',
      text: 'text',
    },
    numeric: new Set(['experiment_id', 'request_time', 'execution_ms', 'end_time']),
    optional: new Set(['name', 'run_id']),
    unordered: new Set(['prompt', 'text']),
    entities: ['attribute', 'tag', 'metadata', 'feedback', 'expectation', 'issue', 'span'],
  },
  searched: {
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
  },
  select: 't.*',
  from: 'traces t',
  last: [columnKey('t.request_time', 'integer', 'DESC'), columnKey('t.trace_id', 'text')],
};

export interface TraceSearch extends PageRequest {
  readonly experimentIds: readonly string[];
}

/** MLflow's limit for a page of traces. */
const MAX_RESULTS = 500;

/** A page of traces, the newest first, and a token only if more follow. */
export async function searchTraces(
  sql: Sql,
  search: TraceSearch,
): Promise<{ traces: Trace[]; token: { next_page_token?: string } }> {
  checkMaxResults(search.maxResults, MAX_RESULTS);
  const { rows, token } = await pageBy(
    sql,
    TRACES,
    search,
    [
      {
        text: `t.experiment_id IN ${inList(sql, 'integer')}`,
        values: [listOf(search.experimentIds.flatMap((id) => experimentNumber(id) ?? []))],
      },
      ...traceConditions(comparisonsOf(TRACES, search), TRACES.searched, sql.dialect),
    ],
    keysOf(TRACES, search),
  );
  return { traces: await tracesOf(sql, rows), token };
}

function valueOf(table: string, key: string): string {
  return `(SELECT x.value FROM ${table} x WHERE x.trace_id = t.trace_id AND x.key = '${key}')`;
}
