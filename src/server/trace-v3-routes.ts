import type { Sql } from '../db/sql.ts';
import { invalid } from '../tracking/mlflow/mlflow-error.ts';
import { searchTraces } from '../tracking/mlflow/search-traces.ts';
import { readTrace, TRACE_STATES, writeTrace } from '../tracking/mlflow/traces.ts';
import { INTEGER, listOf, PAGE } from './answers/shape.ts';
import { TRACE, TRACE_INFO_V3 } from './answers/trace-parts.ts';
import { ASSESSMENT, newAssessment } from './assessment-message.ts';
import {
  atMost,
  message,
  nested,
  oneOf,
  otherwise,
  repeated,
  required,
  text,
  unlessEmpty,
} from './message.ts';
import { both, type Need, on } from './policy.ts';
import { duration, textMap, timestamp } from './protobuf-json.ts';
import { type Route, route } from './route.ts';
import { experiment, experiments, traced, traces } from './things.ts';
import { answerDelete, answerDeleteTag, answerSetTag, DELETE_TRACES, TAG_OF_TRACE } from './trace-answers.ts';
import { traceInfoV3 } from './trace-message.ts';

const ID = { trace_id: required(text()) };
const LOCATION = message({
  type: text(),
  mlflow_experiment: nested(message({ experiment_id: required(text()) })),
});
const INFO = message({
  ...ID,
  client_request_id: text(),
  trace_location: required(nested(LOCATION)),
  request_preview: text(),
  response_preview: text(),
  request_time: required(timestamp()),
  execution_duration: duration(),
  state: otherwise(oneOf(TRACE_STATES), 'STATE_UNSPECIFIED'),
  trace_metadata: textMap(),
  tags: textMap(),
  assessments: repeated(nested(ASSESSMENT)),
});

/** Traces as clients of 3.x write them: once, when the call is over. */
export const TRACE_V3_ROUTES: readonly Route[] = [
  route(
    'POST',
    '/mlflow/traces',
    'startTraceV3',
    both(on('EDIT', placeOfTrace), on('EDIT', sameTrace)),
    message({ trace: required(nested(message({ trace_info: required(nested(INFO)) }))) }),
    { trace: TRACE },
    async ({ database, root, newId, now }, { trace: { trace_info: info } }) => {
      const trace = {
        id: info.trace_id,
        experimentId: experimentOf(info.trace_location),
        requestTime: info.request_time,
        executionMs: info.execution_duration,
        state: info.state,
        clientRequestId: info.client_request_id,
        requestPreview: info.request_preview,
        responsePreview: info.response_preview,
        metadata: info.trace_metadata,
        tags: info.tags,
        assessments: info.assessments.map((one) => newAssessment(one, newId, now())),
      };
      const written = await database.write(async (sql) => {
        await writeTrace(sql, trace, root);
        return readTrace(sql, trace.id);
      });
      return { trace: { trace_info: traceInfoV3(written) } };
    },
  ),
  route(
    'POST',
    '/mlflow/traces/search',
    'searchTracesV3',
    on('READ', located),
    message({
      locations: repeated(nested(LOCATION)),
      filter: otherwise(text(), ''),
      max_results: otherwise(atMost(500), 100),
      order_by: repeated(text()),
      page_token: unlessEmpty(text()),
    }),
    { traces: listOf(TRACE_INFO_V3), ...PAGE },
    async ({ database }, { locations, filter, max_results, order_by, page_token }) => {
      const search = {
        experimentIds: locations.map(experimentOf),
        filter,
        maxResults: max_results,
        orderBy: order_by,
        pageToken: page_token,
      };
      const { traces, token } = await database.read((sql) => searchTraces(sql, search));
      return { traces: traces.map(traceInfoV3), ...token };
    },
  ),
  route(
    'GET',
    '/mlflow/traces/{trace_id}',
    'getTraceInfoV3',
    on('READ', traced),
    message(ID),
    { trace: TRACE },
    async ({ database }, { trace_id }) => ({
      trace: { trace_info: traceInfoV3(await database.read((sql) => readTrace(sql, trace_id))) },
    }),
  ),
  route(
    'PATCH',
    '/mlflow/traces/{trace_id}/tags',
    'setTraceTagV3',
    on('EDIT', traced),
    message({ ...ID, ...TAG_OF_TRACE }),
    {},
    async (served, { trace_id, key, value }) => answerSetTag(served, trace_id, { key, value }),
  ),
  route(
    'DELETE',
    '/mlflow/traces/{trace_id}/tags',
    'deleteTraceTagV3',
    on('EDIT', traced),
    message({ ...ID, key: required(text()) }),
    {},
    async (served, { trace_id, key }) => answerDeleteTag(served, trace_id, key),
  ),
  route(
    'POST',
    '/mlflow/traces/delete-traces',
    'deleteTracesV3',
    on('MANAGE', experiment),
    DELETE_TRACES,
    { traces_deleted: INTEGER },
    answerDelete,
  ),
].map((one) => ({ ...one, version: '3.0' }));

async function placeOfTrace(sql: Sql, { trace }: { trace: { trace_info: Located } }): Promise<Thing[]> {
  return experiments(sql, { experiment_ids: [experimentOf(trace.trace_info.trace_location)] });
}

/** A trace that is there by the same id would become this one. */
async function sameTrace(
  sql: Sql,
  { trace }: { trace: { trace_info: { trace_id: string } } },
): Promise<Thing[]> {
  return traces(sql, [trace.trace_info.trace_id]);
}

async function located(
  sql: Sql,
  { locations }: { locations: readonly Located['trace_location'][] },
): Promise<Thing[]> {
  return experiments(sql, { experiment_ids: locations.map(experimentOf) });
}

interface Located {
  readonly trace_location: ReturnType<typeof LOCATION.read>;
}

type Thing = Need['on'];

/** The experiment that a trace lies in; other places are Databricks'. */
function experimentOf({ mlflow_experiment }: ReturnType<typeof LOCATION.read>): string {
  if (mlflow_experiment === undefined)
    throw invalid('A trace lies in an experiment: `trace_location.mlflow_experiment` is missing.');
  return mlflow_experiment.experiment_id;
}
