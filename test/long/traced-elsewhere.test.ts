import { basename } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Span } from '../../src/tracing/span.ts';
import { CliRig } from '../rigs/cli-rig.ts';
import { FleetRig } from '../rigs/fleet-rig.ts';
import { Receiver } from '../rigs/receiver.ts';
import { RedisRig } from '../rigs/redis-rig.ts';
import { named, sentTo, valuesOf } from '../rigs/sent-spans.ts';

const missing = await RedisRig.missing();

const RECIPE = `steps:
  first: { run: [sh, -c, 'echo 1 > "$OUT_x"'], outputs: { x: x } }
  second: { run: [sh, -c, 'cat "$IN_x" > "$OUT_y"'], inputs: { x: first.x }, outputs: { y: y } }
`;
/** Of whoever submits a run, or starts a driver or a worker: none of them is who wanted the run there. */
const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

const spansOf = (receiver: Receiver): Span[] => sentTo(receiver).flatMap(({ spans }) => spans);

function endpointOf({ port }: Receiver): string {
  return `http://127.0.0.1:${port}`;
}

/** Whether these are one trace: a span for the run, and below it the steps. */
function expectOneTrace(spans: readonly Span[], steps: readonly string[]): Span {
  const run = named(spans, 'run ');
  expect(run.parentSpanId).toBeUndefined();
  expect(spans.map(({ name }) => name).toSorted()).toEqual(
    [run.name, ...steps.map((step) => `step ${step}`)].toSorted(),
  );
  for (const span of spans)
    if (span !== run) expect(span).toMatchObject({ traceId: run.traceId, parentSpanId: run.spanId });
  return run;
}

describe('a submitted run', () => {
  test('is one trace, which its driver sends and names by what it is for who submitted it', async () => {
    await using receiver = await Receiver.start();
    await using rig = await CliRig.create({ 'recipe.yaml': RECIPE });
    Object.assign(rig.env, { OTEL_EXPORTER_OTLP_ENDPOINT: endpointOf(receiver), TRACEPARENT });
    const { run: submission } = JSON.parse((await rig.recipe('run', '--submit', '--json')).out) as {
      run: string;
    };
    // Who hands it over executes nothing.
    expect(receiver.got).toEqual([]);
    expect((await rig.recipe('worker', '--drive', '1', '--once')).exit).toBe(0);
    const run = expectOneTrace(spansOf(receiver), ['first', 'second']);
    expect(run.traceId).not.toBe(TRACEPARENT.split('-')[1]);
    expect(valuesOf(run.attributes)).toMatchObject({
      'stockpot.recipe': basename(rig.dir),
      'stockpot.submission': submission,
      'stockpot.outcome': 'succeeded',
    });
  });
});

describe.skipIf(missing !== undefined)('a run on a fleet', () => {
  test('is one trace, in which each step says which worker it had; workers send none', async () => {
    await using receiver = await Receiver.start();
    await using fleet = await FleetRig.start();
    const machine = await fleet.machine();
    Object.assign(machine.env, { OTEL_EXPORTER_OTLP_ENDPOINT: endpointOf(receiver), TRACEPARENT });
    const worker = await fleet.workerIn(machine);
    const rig = await fleet.project({ 'recipe.yaml': RECIPE });
    rig.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = endpointOf(receiver);
    expect(await rig.run('-p', 'fleet')).toEqual({ first: 'succeeded', second: 'succeeded' });
    const spans = spansOf(receiver);
    expectOneTrace(spans, ['first', 'second']);
    for (const step of ['first', 'second'])
      expect(valuesOf(named(spans, `step ${step}`).attributes)).toMatchObject({
        'stockpot.worker': worker.id,
      });
  });

  test('that is submitted is one trace, too', async () => {
    await using receiver = await Receiver.start();
    await using fleet = await FleetRig.start();
    const worker = await fleet.worker();
    const rig = await fleet.project({ 'recipe.yaml': RECIPE });
    rig.env['OTEL_EXPORTER_OTLP_ENDPOINT'] = endpointOf(receiver);
    expect((await rig.recipe('run', '-p', 'fleet', '--submit')).exit).toBe(0);
    expect((await rig.recipe('worker', '--drive', '1', '--once')).exit).toBe(0);
    const spans = spansOf(receiver);
    expectOneTrace(spans, ['first', 'second']);
    expect(valuesOf(named(spans, 'step second').attributes)).toMatchObject({ 'stockpot.worker': worker.id });
  });
});
