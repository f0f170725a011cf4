import { Readable } from 'node:stream';
import { text as textOf } from 'node:stream/consumers';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { cut, isTrackingKey, TRACKING_LIMITS } from '../engine/tracking-limits.ts';
import type { Identity } from '../tracking/access/identity.ts';
import type { Tag } from '../tracking/mlflow/messages.ts';
import { invalid, MlflowError } from '../tracking/mlflow/mlflow-error.ts';
import { readTrace, type Trace, writeTrace } from '../tracking/mlflow/traces.ts';
import { proxiedPath } from './artifact-routes.ts';
import { parseExactly } from './exact-json.ts';
import { readOtlpRequest } from './otlp-request.ts';
import { type ReceivedSpan, spansOf } from './otlp-span.ts';
import { on } from './policy.ts';
import type { Served } from './route.ts';
import { experiment } from './things.ts';

/**
 * `POST /v1/traces`: spans as OpenTelemetry's exporters send them, for the experiment that the header
 * `x-mlflow-experiment-id` names. They become traces that MLflow's clients read.
 */
export function serveTraces(app: FastifyInstance, servedTo: (identity: Identity) => Served): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_, body, done) => done(null, body));
  const read = (request: FastifyRequest): { experiment_id: string } => {
    const id = request.headers['x-mlflow-experiment-id'];
    if (typeof id !== 'string' || id === '') throw invalid('The header x-mlflow-experiment-id is missing.');
    return { experiment_id: id };
  };
  // Requests about one trace come one after the other: each adds to the file of its spans.
  const turns = new Map<string, Promise<void>>();
  app.post('/v1/traces', { config: { policy: on('EDIT', experiment), read } }, async (request, reply) => {
    const served = servedTo(request.identity);
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
    for (const [id, ofTrace] of Map.groupBy(spans, ({ trace }) => trace)) {
      const before = turns.get(id) ?? Promise.resolve();
      const turn = before.then(() => writeSpans(served, id, ofTrace, from));
      const settled = turn.catch(() => undefined);
      turns.set(id, settled);
      try {
        await turn;
      } finally {
        if (turns.get(id) === settled) turns.delete(id);
      }
    }
    // An empty ExportTraceServiceResponse: everything was taken.
    if (headers['content-type']?.startsWith('application/json') === true)
      return reply.type('application/json').send('{}');
    return reply.type('application/x-protobuf').send(Buffer.alloc(0));
  });
}

async function writeSpans(
  { database, artifacts, root }: Served,
  id: string,
  spans: readonly ReceivedSpan[],
  from: { readonly experimentId: string; readonly run: string | undefined },
): Promise<void> {
  const trace = await database.write(async (sql) => {
    const before = await existing(() => readTrace(sql, id));
    await writeTrace(sql, joined(before, id, spans, from), root);
    return readTrace(sql, id);
  });
  const location = trace.tags.find(({ key }) => key === 'mlflow.artifactLocation')?.value ?? '';
  const path = `${proxiedPath(location)}/traces.json`;
  const file = await existing(() => artifacts.open(path));
  const known =
    file === undefined
      ? []
      : ((parseExactly(await textOf(file.stream(0, file.size - 1))) as SpansFile).spans ?? []);
  const all = new Map([...known, ...spans.map(({ content }) => content)].map((one) => [one.span_id, one]));
  await artifacts.put(path, Readable.from([JSON.stringify({ spans: [...all.values()] })]));
}

interface SpansFile {
  readonly spans?: readonly ReceivedSpan['content'][];
}

async function existing<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof MlflowError && error.code === 'RESOURCE_DOES_NOT_EXIST') return undefined;
    throw error;
  }
}

/** A trace with what its new spans say; what a client wrote of it stays. */
function joined(
  before: Trace | undefined,
  id: string,
  spans: readonly ReceivedSpan[],
  { experimentId, run }: { readonly experimentId: string; readonly run: string | undefined },
): Trace {
  const starts = spans.map(({ startMs }) => startMs);
  const isOpen = before === undefined || before.state === 'IN_PROGRESS';
  const requestTime = isOpen ? Math.min(...starts, before?.requestTime ?? Infinity) : before.requestTime;
  const ends = spans.flatMap(({ endMs }) => endMs ?? []);
  const end = Math.max(
    ...ends,
    before?.executionMs === undefined ? 0 : before.requestTime + before.executionMs,
  );
  const rootSpan = spans.find(({ isRoot }) => isRoot);
  const state = rootSpan === undefined ? (before?.state ?? 'IN_PROGRESS') : rootSpan.isError ? 'ERROR' : 'OK';
  const preview = (key: string): string | undefined => {
    const value = rootSpan?.attributes[key];
    return value === undefined ? undefined : cut(value, 1000);
  };
  return {
    id,
    experimentId,
    requestTime,
    executionMs: isOpen ? Math.max(0, end - requestTime) : before.executionMs,
    state: isOpen ? state : before.state,
    clientRequestId: before?.clientRequestId,
    requestPreview: before?.requestPreview ?? preview('mlflow.spanInputs'),
    responsePreview: before?.responsePreview ?? preview('mlflow.spanOutputs'),
    metadata: merged(before?.metadata ?? [], [
      { key: 'mlflow.trace_schema.version', value: '3' },
      ...(run === undefined ? [] : [{ key: 'mlflow.sourceRun', value: run }]),
    ]),
    tags: merged(before?.tags ?? [], tagsOf(spans, rootSpan)),
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
