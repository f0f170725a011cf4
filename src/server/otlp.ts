import type { FastifyInstance, FastifyRequest } from 'fastify';
import { cut, isTrackingKey, TRACKING_LIMITS } from '../engine/tracking-limits.ts';
import type { Tag } from '../tracking/mlflow/messages.ts';
import { invalid } from '../tracking/mlflow/mlflow-error.ts';
import { SPANS_TAG, writeSpans } from '../tracking/mlflow/spans.ts';
import { holdTrace, type NewTrace, readTrace, type Trace, writeTrace } from '../tracking/mlflow/traces.ts';
import { readOtlpRequest } from './otlp-request.ts';
import { type ReceivedSpan, spansOf } from './otlp-span.ts';
import { on } from './policy.ts';
import type { Served } from './route.ts';
import { experiment } from './things.ts';

/**
 * `POST /v1/traces`: spans as OpenTelemetry's exporters send them, for the experiment that the header
 * `x-mlflow-experiment-id` names. They become traces that MLflow's clients read.
 */
export function serveTraces(app: FastifyInstance, servedTo: (request: FastifyRequest) => Served): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_, body, done) => done(null, body));
  const read = (request: FastifyRequest): { experiment_id: string } => {
    const id = request.headers['x-mlflow-experiment-id'];
    if (typeof id !== 'string' || id === '') throw invalid('The header x-mlflow-experiment-id is missing.');
    return { experiment_id: id };
  };
  app.post('/v1/traces', { config: { policy: on('EDIT', experiment), read } }, async (request, reply) => {
    const served = servedTo(request);
    const { headers } = request;
    const asked = await readOtlpRequest(Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0), {
      type: headers['content-type'],
      encoding: headers['content-encoding'],
    });
    let spans: readonly ReceivedSpan[];
    try {
      spans = spansOf(asked);
    } catch {
      throw invalid('Cannot convert OpenTelemetry span to MLflow span');
    }
    const run = headers['x-mlflow-run-id'];
    const from = {
      experimentId: read(request).experiment_id,
      run: typeof run === 'string' ? run : undefined,
    };
    for (const [id, ofTrace] of Map.groupBy(spans, ({ trace }) => trace))
      await receive(served, id, ofTrace, from);
    // An empty ExportTraceServiceResponse: everything was taken.
    if (headers['content-type']?.startsWith('application/json') === true)
      return reply.type('application/json').send('{}');
    return reply.type('application/x-protobuf').send(Buffer.alloc(0));
  });
}

/** All in one transaction: others may send spans of the same trace meanwhile, also to another server. */
async function receive(
  { database, root }: Served,
  id: string,
  received: readonly ReceivedSpan[],
  from: { readonly experimentId: string; readonly run: string | undefined },
): Promise<void> {
  await database.write(async (sql) => {
    const requestTime = Math.min(...received.map(({ startMs }) => startMs));
    await holdTrace(sql, { id, experimentId: from.experimentId, requestTime });
    await writeTrace(sql, joined(await readTrace(sql, id), received, from), root);
    await writeSpans(
      sql,
      id,
      received.map(({ span }) => span),
    );
  });
}

/** A trace with what its new spans say; what a client wrote of it stays. */
function joined(
  before: Trace,
  spans: readonly ReceivedSpan[],
  { experimentId, run }: { readonly experimentId: string; readonly run: string | undefined },
): NewTrace {
  const isOpen = before.state === 'IN_PROGRESS';
  const requestTime = isOpen
    ? Math.min(...spans.map(({ startMs }) => startMs), before.requestTime)
    : before.requestTime;
  const end = Math.max(
    ...spans.flatMap(({ endMs }) => endMs ?? []),
    before.executionMs === undefined ? 0 : before.requestTime + before.executionMs,
  );
  const rootSpan = spans.find(({ isRoot }) => isRoot);
  const preview = (key: string): string | undefined => {
    const value = rootSpan?.attributes[key];
    return value === undefined ? undefined : cut(value, 1000);
  };
  return {
    ...before,
    // Spans say nothing of them: they stay as they are, and others may change them meanwhile.
    assessments: [],
    experimentId,
    requestTime,
    executionMs: isOpen ? Math.max(0, end - requestTime) : before.executionMs,
    state: isOpen && rootSpan !== undefined ? (rootSpan.isError ? 'ERROR' : 'OK') : before.state,
    requestPreview: before.requestPreview ?? preview('mlflow.spanInputs'),
    responsePreview: before.responsePreview ?? preview('mlflow.spanOutputs'),
    metadata: merged(before.metadata, [
      { key: 'mlflow.trace_schema.version', value: '3' },
      ...(run === undefined ? [] : [{ key: 'mlflow.sourceRun', value: run }]),
    ]),
    tags: [...merged(before.tags, tagsOf(spans, rootSpan)), SPANS_TAG],
  };
}

/** What is there comes last, and so stays. */
function merged(before: readonly Tag[], added: readonly Tag[]): readonly Tag[] {
  return [...added, ...before];
}

const TAG_PREFIX = 'mlflow.traceTag.';

/** The trace's name, what its client tags it with, and what made it. */
function tagsOf(spans: readonly ReceivedSpan[], root: ReceivedSpan | undefined): readonly Tag[] {
  const resource = Object.entries(spans[0]?.resource ?? {}).filter(
    ([key]) => !key.startsWith('telemetry.sdk.') && !key.startsWith('mlflow.'),
  );
  const own = Object.entries(root?.attributes ?? {}).flatMap(([key, value]): [string, string][] => {
    if (!key.startsWith(TAG_PREFIX)) return [];
    const plain: unknown = JSON.parse(value);
    return [[key.slice(TAG_PREFIX.length), typeof plain === 'string' ? plain : value]];
  });
  const name: [string, string][] = root === undefined ? [] : [['mlflow.traceName', root.name]];
  return [...resource, ...name, ...own]
    .filter(([key]) => isTrackingKey(key) && key !== 'mlflow.artifactLocation')
    .map(([key, value]) => ({
      key,
      value: cut(value.replaceAll('\0', '\uFFFD').toWellFormed(), TRACKING_LIMITS.tag),
    }));
}
