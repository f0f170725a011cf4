import { searchTraces } from '../tracking/mlflow/search-traces.ts';
import { endTrace, readTrace, writeTrace } from '../tracking/mlflow/traces.ts';
import { INTEGER, listOf, PAGE } from './answers/shape.ts';
import { TRACE_INFO } from './answers/trace-parts.ts';
import { TAG } from './experiment-routes.ts';
import {
  atMost,
  integer,
  message,
  nested,
  oneOf,
  otherwise,
  repeated,
  required,
  text,
  unlessEmpty,
} from './message.ts';
import { on } from './policy.ts';
import { type Route, route } from './route.ts';
import { experiment, experiments, requested } from './things.ts';
import { answerDelete, answerDeleteTag, answerSetTag, DELETE_TRACES, TAG_OF_TRACE } from './trace-answers.ts';
import { traceInfo } from './trace-message.ts';

const ID = { request_id: required(text()) };
const PAIRS = { request_metadata: repeated(nested(TAG)), tags: repeated(nested(TAG)) };
const STATUS = oneOf(['TRACE_STATUS_UNSPECIFIED', 'OK', 'ERROR', 'IN_PROGRESS']);

/** Traces as clients of 2.x write them: begun, then ended. */
export const TRACE_ROUTES: readonly Route[] = [
  route(
    'POST',
    '/mlflow/traces',
    'startTrace',
    on('EDIT', experiment),
    message({ experiment_id: required(text()), timestamp_ms: required(integer()), ...PAIRS }),
    { trace_info: TRACE_INFO },
    async ({ database, newId, root }, { experiment_id, timestamp_ms, request_metadata, tags }) => {
      const id = `tr-${newId()}`;
      const trace = {
        id,
        experimentId: experiment_id,
        requestTime: timestamp_ms,
        executionMs: undefined,
        state: 'IN_PROGRESS',
        clientRequestId: undefined,
        requestPreview: undefined,
        responsePreview: undefined,
        metadata: request_metadata,
        tags,
      } as const;
      return {
        trace_info: traceInfo(
          await database.write(async (sql) => {
            await writeTrace(sql, trace, root);
            return readTrace(sql, id);
          }),
        ),
      };
    },
  ),
  route(
    'PATCH',
    '/mlflow/traces/{request_id}',
    'endTrace',
    on('EDIT', requested),
    message({ ...ID, timestamp_ms: required(integer()), status: otherwise(STATUS, 'OK'), ...PAIRS }),
    { trace_info: TRACE_INFO },
    async ({ database }, { request_id, timestamp_ms, status, request_metadata, tags }) => {
      const end = {
        at: timestamp_ms,
        state: status === 'TRACE_STATUS_UNSPECIFIED' ? ('STATE_UNSPECIFIED' as const) : status,
        metadata: request_metadata,
        tags,
      };
      return {
        trace_info: traceInfo(
          await database.write(async (sql) => {
            await endTrace(sql, request_id, end);
            return readTrace(sql, request_id);
          }),
        ),
      };
    },
  ),
  route(
    'GET',
    '/mlflow/traces/{request_id}/info',
    'getTraceInfo',
    on('READ', requested),
    message(ID),
    { trace_info: TRACE_INFO },
    async ({ database }, { request_id }) => ({
      trace_info: traceInfo(await database.read((sql) => readTrace(sql, request_id))),
    }),
  ),
  route(
    'GET',
    '/mlflow/traces',
    'searchTraces',
    on('READ', experiments),
    message({
      experiment_ids: repeated(text()),
      filter: otherwise(text(), ''),
      max_results: otherwise(atMost(500), 100),
      order_by: repeated(text()),
      page_token: unlessEmpty(text()),
    }),
    { traces: listOf(TRACE_INFO), ...PAGE },
    async ({ database }, { experiment_ids, filter, max_results, order_by, page_token }) => {
      const search = {
        experimentIds: experiment_ids,
        filter,
        maxResults: max_results,
        orderBy: order_by,
        pageToken: page_token,
      };
      const { traces, token } = await database.read((sql) => searchTraces(sql, search));
      return { traces: traces.map(traceInfo), ...token };
    },
  ),
  route(
    'PATCH',
    '/mlflow/traces/{request_id}/tags',
    'setTraceTag',
    on('EDIT', requested),
    message({ ...ID, ...TAG_OF_TRACE }),
    {},
    async (served, { request_id, key, value }) => answerSetTag(served, request_id, { key, value }),
  ),
  route(
    'DELETE',
    '/mlflow/traces/{request_id}/tags',
    'deleteTraceTag',
    on('EDIT', requested),
    message({ ...ID, key: required(text()) }),
    {},
    async (served, { request_id, key }) => answerDeleteTag(served, request_id, key),
  ),
  route(
    'POST',
    '/mlflow/traces/delete-traces',
    'deleteTraces',
    on('MANAGE', experiment),
    DELETE_TRACES,
    { traces_deleted: INTEGER },
    answerDelete,
  ),
];
