import type { Sql } from '../db/sql.ts';
import { missing } from '../tracking/mlflow/mlflow-error.ts';
import { spansOf } from '../tracking/mlflow/spans.ts';
import { linkPrompts, linkTracesToRun } from '../tracking/mlflow/trace-links.ts';
import { readTrace, readTraces, type Trace } from '../tracking/mlflow/traces.ts';
import { listOf } from './answers/shape.ts';
import { TRACE, TRACE_INFO_V3 } from './answers/trace-parts.ts';
import {
  boolean,
  ifGiven,
  integer,
  message,
  nested,
  otherwise,
  repeated,
  required,
  text,
} from './message.ts';
import { otelSpan } from './otel-message.ts';
import { both, type Need, on } from './policy.ts';
import { type Route, route } from './route.ts';
import { run, traced, traces } from './things.ts';
import { traceInfoV3 } from './trace-message.ts';

const SOME = message({ trace_ids: repeated(text()), experiment_ids: ifGiven(repeated(text())) });

/** Traces with their spans, where those are in the database, and what traces belong to (MLflow 3). */
export const WHOLE_TRACE_ROUTES: readonly Route[] = [
  ...[
    route(
      'GET',
      '/mlflow/traces/get',
      'getTrace',
      on('READ', traced),
      message({ trace_id: required(text()), allow_partial: otherwise(boolean(), false) }),
      { trace: TRACE },
      async ({ database }, { trace_id, allow_partial }) =>
        database.read(async (sql) => {
          const trace = await readTrace(sql, trace_id);
          const spans = (await spansOf(sql, [trace_id])).get(trace_id) ?? [];
          if (!allow_partial && !isWhole(trace, spans))
            throw missing(`Trace with ID ${trace_id} is not fully exported yet, please try again later.`);
          return { trace: whole(trace, spans) };
        }),
    ),
    route(
      'GET',
      '/mlflow/traces/batchGet',
      'batchGetTraces',
      on('READ', some),
      SOME,
      { traces: listOf(TRACE) },
      async ({ database }, asked) =>
        database.read(async (sql) => {
          const found = await chosen(sql, asked);
          const spans = await spansOf(
            sql,
            found.map(({ id }) => id),
          );
          return {
            traces: found.flatMap((trace) => {
              const own = spans.get(trace.id) ?? [];
              return isWhole(trace, own) ? [whole(trace, own)] : [];
            }),
          };
        }),
    ),
    route(
      'POST',
      '/mlflow/traces/batchGetInfos',
      'batchGetTraceInfos',
      on('READ', some),
      SOME,
      { trace_infos: listOf(TRACE_INFO_V3) },
      async ({ database }, asked) => ({
        trace_infos: (await database.read((sql) => chosen(sql, asked))).map(traceInfoV3),
      }),
    ),
  ].map((one): Route => ({ ...one, version: '3.0' })),
  route(
    'POST',
    '/mlflow/traces/link-to-run',
    'linkTracesToRun',
    both(on('EDIT', run), on('READ', some)),
    message({ trace_ids: repeated(text()), run_id: required(text()) }),
    {},
    async ({ database }, { trace_ids, run_id }) => {
      await database.write((sql) => linkTracesToRun(sql, run_id, trace_ids));
      return {};
    },
  ),
  route(
    'POST',
    '/mlflow/traces/link-prompts',
    'linkPromptsToTrace',
    on('EDIT', traced),
    message({
      trace_id: required(text()),
      prompt_versions: repeated(nested(message({ name: required(text()), version: required(integer()) }))),
    }),
    {},
    async ({ database }, { trace_id, prompt_versions }) => {
      await database.write((sql) =>
        linkPrompts(
          sql,
          trace_id,
          prompt_versions.map(({ name, version }) => ({ name, version: String(version) })),
        ),
      );
      return {};
    },
  ),
];

async function some(sql: Sql, { trace_ids }: { trace_ids: readonly string[] }): Promise<Need['on'][]> {
  return traces(sql, trace_ids);
}

async function chosen(sql: Sql, asked: ReturnType<typeof SOME.read>): Promise<Trace[]> {
  const found = await readTraces(sql, asked.trace_ids);
  const { experiment_ids: allowed } = asked;
  return allowed === undefined ? found : found.filter(({ experimentId }) => allowed.includes(experimentId));
}

function whole(trace: Trace, spans: readonly string[]): object {
  return { trace_info: traceInfoV3(trace), spans: spans.map(otelSpan) };
}

/** Clients say how many spans there are; they come in other requests. */
function isWhole({ metadata }: Trace, spans: readonly string[]): boolean {
  const stats = metadata.find(({ key }) => key === 'mlflow.trace.sizeStats')?.value;
  return spans.length > 0 && spans.length >= spansIn(stats);
}

function spansIn(stats: string | undefined): number {
  try {
    const { num_spans } = JSON.parse(stats ?? '{}') as { num_spans?: unknown };
    return typeof num_spans === 'number' ? num_spans : 0;
  } catch {
    return 0;
  }
}
