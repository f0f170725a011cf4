import { basename } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Span } from '../../src/tracing/span.ts';
import { CliRig } from '../rigs/cli-rig.ts';
import { freePort } from '../rigs/free-port.ts';
import { Receiver } from '../rigs/receiver.ts';
import { named, sentTo, valuesOf } from '../rigs/sent-spans.ts';
import { ServerProcess } from '../rigs/server-process.ts';

const RECIPE = `steps:
  first: { run: [sh, -c, 'echo 1 > "$OUT_x"'], outputs: { x: x } }
  second: { run: [sh, -c, 'cat "$IN_x" > "$OUT_y"; env > env.txt; ! grep TRACEPARENT env.txt'], inputs: { x: first.x }, outputs: { y: y } }
`;
const FAILING = `steps:
  fails: { run: [sh, -c, 'exit 3'], retry: { max_attempts: 3, backoff: 1ms, on: [exited] }, outputs: { x: x } }
  left: { run: [sh, -c, 'cat "$IN_x"'], inputs: { x: fails.x } }
`;
const CALLER = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' };
const parent = (flags: string): string => `00-${CALLER.traceId}-${CALLER.spanId}-${flags}`;

const namesOf = (span: Span): string[] => span.events.map(({ name }) => name);

async function tracedRig(receiver: Receiver, recipe = RECIPE): Promise<CliRig> {
  const rig = await CliRig.create({ 'recipe.yaml': recipe });
  rig.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = `http://127.0.0.1:${receiver.port}/otel/`;
  return rig;
}

describe('a run is sent as one trace where OpenTelemetry’s variables say', () => {
  test('a span for the run, one below it for each step that was executed, and what came from the cache as an event', async () => {
    await using receiver = await Receiver.start();
    await using rig = await tracedRig(receiver);
    Object.assign(rig.env, {
      OTEL_EXPORTER_OTLP_HEADERS: 'Authorization=Bearer%20abc, x-team=blue',
      OTEL_RESOURCE_ATTRIBUTES: 'service.name=hidden,deployment.environment.name=test',
      OTEL_SERVICE_NAME: 'nightly',
    });
    const events = await rig.events();
    const [sent, ...more] = sentTo(receiver);
    expect(more).toEqual([]);
    expect(sent).toMatchObject({
      path: '/otel/v1/traces',
      headers: { authorization: 'Bearer abc', 'x-team': 'blue', 'content-type': 'application/json' },
      resource: { 'service.name': 'nightly', 'deployment.environment.name': 'test' },
    });
    expect(sent?.spans.map(({ name }) => name)).toEqual([
      'step first',
      'step second',
      `run ${basename(rig.dir)}`,
    ]);
    const run = named(sent?.spans, 'run ');
    const [started, finished] = [events[0], events.at(-1)];
    if (started?.type !== 'run.started' || finished?.type !== 'run.finished') throw new Error('no run');
    expect(run).toMatchObject({
      startTimeUnixNano: `${started.at}000000`,
      endTimeUnixNano: `${finished.at}000000`,
      status: {},
    });
    expect(run.parentSpanId).toBeUndefined();
    expect(valuesOf(run.attributes)).toMatchObject({
      'stockpot.run': started.run,
      'stockpot.recipe': basename(rig.dir),
      'stockpot.outcome': 'succeeded',
      'stockpot.steps.succeeded': 2,
    });
    const first = named(sent?.spans, 'step first');
    expect(first).toMatchObject({ traceId: run.traceId, parentSpanId: run.spanId, status: {} });
    const ran = events.find((event) => event.type === 'step.started');
    const ended = events.find((event) => event.type === 'step.succeeded');
    expect(first).toMatchObject({
      startTimeUnixNano: `${ran?.at}000000`,
      endTimeUnixNano: `${ended?.at}000000`,
    });
    expect(valuesOf(first.attributes)).toMatchObject({
      'stockpot.step': 'first',
      'stockpot.fingerprint': ended?.fingerprint,
      'stockpot.attempts': 1,
      'stockpot.outcome': 'succeeded',
    });

    expect(await rig.run()).toEqual({ first: 'cached', second: 'cached' });
    const again = sentTo(receiver).at(-1)?.spans ?? [];
    expect(again.map(({ name }) => name)).toEqual([`run ${basename(rig.dir)}`]);
    expect(namesOf(named(again, 'run '))).toEqual(['step.cached', 'step.cached']);
    expect(again[0]?.traceId).not.toBe(run.traceId);
  });

  test('a failure is the status of its step and of the run, and attempts are in the step’s span', async () => {
    await using receiver = await Receiver.start();
    await using rig = await tracedRig(receiver, FAILING);
    expect((await rig.recipe('run')).exit).toBe(1);
    const spans = sentTo(receiver)[0]?.spans;
    const step = named(spans, 'step fails');
    expect(step.status).toEqual({ code: 2, message: 'exited with code 3' });
    expect(namesOf(step)).toEqual(expect.arrayContaining(['step.retrying', 'step.started']));
    expect(valuesOf(step.attributes)).toMatchObject({
      'stockpot.attempts': 3,
      'stockpot.outcome': 'failed',
      'error.type': 'exited',
    });
    const run = named(spans, 'run ');
    expect(run.status).toEqual({ code: 2, message: 'a step failed' });
    expect(namesOf(run)).toEqual(['step.skipped']);
  });

  test('a run is a child of the span that its environment names, and its steps know nothing of it', async () => {
    await using receiver = await Receiver.start();
    await using rig = await tracedRig(receiver);
    Object.assign(rig.env, { TRACEPARENT: parent('01'), TRACESTATE: 'a=b' });
    expect(await rig.run()).toEqual({ first: 'succeeded', second: 'succeeded' });
    const run = named(sentTo(receiver)[0]?.spans, 'run ');
    expect(run).toMatchObject({ traceId: CALLER.traceId, parentSpanId: CALLER.spanId, traceState: 'a=b' });
    // Another caller changes no fingerprint.
    delete rig.env['TRACEPARENT'];
    expect(await rig.run()).toEqual({ first: 'cached', second: 'cached' });
  });

  test('what a step waits for is an event of its span', async () => {
    await using receiver = await Receiver.start();
    await using rig = await tracedRig(
      receiver,
      `steps:
  a: { run: echo a > "$OUT_x", limits: [one], outputs: { x: x } }
  b: { run: echo b > "$OUT_x", limits: [one], outputs: { x: x } }
`,
    );
    await rig.write('profiles/local.yaml', 'limits: { one: 1 }\n');
    expect(await rig.run('-j', '2')).toEqual({ a: 'succeeded', b: 'succeeded' });
    const waited = sentTo(receiver)[0]?.spans.flatMap(({ events }) => events) ?? [];
    expect(waited.map(({ name, attributes }) => [name, valuesOf(attributes)])).toEqual([
      [
        'step.waited',
        { 'stockpot.reason': 'limit', 'stockpot.holder': 'one', 'stockpot.waited_ms': expect.any(Number) },
      ],
    ]);
  });

  test.each([
    ['OTEL_SDK_DISABLED', 'true'],
    ['OTEL_TRACES_EXPORTER', 'none'],
    ['TRACEPARENT', parent('00')],
  ])('%s=%s: nothing is sent', async (name, value) => {
    await using receiver = await Receiver.start();
    await using rig = await tracedRig(receiver);
    rig.env[name] = value;
    expect(await rig.recipe('run')).toMatchObject({ exit: 0, err: '' });
    expect(receiver.got).toEqual([]);
  });
});

describe('a collector that does not take spans costs a run one warning', () => {
  const warnings = (err: string): string[] => err.split('\n').filter((line) => line.includes('spans'));

  test('it is not there', async () => {
    await using rig = await CliRig.create({ 'recipe.yaml': RECIPE });
    const port = await freePort();
    rig.env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] = `http://127.0.0.1:${port}/traces?token=secret`;
    const { exit, err } = await rig.recipe('run');
    expect(exit).toBe(0);
    expect(warnings(err)).toEqual([
      expect.stringMatching(
        `spans could not be sent to http://127.0.0.1:${port}/traces: connect ECONNREFUSED`,
      ),
    ]);
    expect(err).not.toContain('secret');
  });

  test('it takes the connection, and never answers', async () => {
    await using receiver = await Receiver.start(() => {});
    await using rig = await tracedRig(receiver);
    const { exit, err } = await rig.recipe('run');
    expect(exit).toBe(0);
    expect(warnings(err)).toEqual([expect.stringContaining('It did not take them within 2 s.')]);
  });

  test.each([
    [401, 'it answered 401.'],
    [503, 'it answered 503.'],
  ])('it answers %i', async (status, said) => {
    await using receiver = await Receiver.start((response) => response.writeHead(status).end());
    await using rig = await tracedRig(receiver);
    const { exit, err } = await rig.recipe('run');
    expect(exit).toBe(0);
    expect(warnings(err)).toEqual([expect.stringContaining(said)]);
  });

  test.each([
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'localhost:4317' },
      'OTEL_EXPORTER_OTLP_ENDPOINT is no URL that begins with http:// or https://.',
    ],
    [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, 'OTEL_EXPORTER_OTLP_PROTOCOL asks for grpc'],
  ])('variables that say nothing usable: %j', async (env, said) => {
    await using receiver = await Receiver.start();
    await using rig = await tracedRig(receiver);
    Object.assign(rig.env, env);
    const { exit, err } = await rig.recipe('run');
    expect(exit).toBe(0);
    expect(warnings(err)).toEqual([expect.stringContaining(said)]);
    expect(receiver.got).toEqual([]);
  });
});

test('`recipe server` takes a run’s trace', async () => {
  await using home = await CliRig.create();
  await using server = await ServerProcess.start(home);
  await using rig = await CliRig.create({ 'recipe.yaml': FAILING });
  Object.assign(rig.env, {
    OTEL_EXPORTER_OTLP_ENDPOINT: server.url,
    OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'x-mlflow-experiment-id=0',
    TRACEPARENT: '',
  });
  expect(await rig.recipe('run')).toMatchObject({ exit: 1, err: '' });
  const { traces } = await server.api('../../2.0/mlflow/traces?experiment_ids=0');
  expect(traces).toEqual([expect.objectContaining({ status: 'ERROR' })]);
});
