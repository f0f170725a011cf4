import { expect, test } from 'vitest';
import { HOST, ServerRig } from '../rigs/server-rig.ts';

/** Lists within lists, as text: what is deep is more than `JSON.stringify` goes through. */
function nested(levels: number): string {
  return '['.repeat(levels) + ']'.repeat(levels);
}

const SOURCE = '"source":{"source_type":"HUMAN","source_id":"ann"}';

/** Levels of a body above the value that it carries. */
const ABOVE_FEEDBACK = 3;

function feedback(levels: number): string {
  return `{"assessment":{"assessment_name":"right",${SOURCE},"feedback":{"value":${nested(levels)}}}}`;
}

function expected(levels: number): string {
  const serialized = JSON.stringify({ serialization_format: 'JSON_FORMAT', value: nested(levels) });
  return `{"assessment":{"assessment_name":"right",${SOURCE},"expectation":{"serialized_value":${serialized}}}}`;
}

function traceWith(levels: number): string {
  const assessment = `{"assessment_name":"right",${SOURCE},"expectation":{"value":${nested(levels)}}}`;
  return `{"trace":{"trace_info":{"trace_id":"tr-2","trace_location":{"type":"MLFLOW_EXPERIMENT","mlflow_experiment":{"experiment_id":"0"}},"request_time":"2025-01-01T00:00:00Z","state":"OK","assessments":[${assessment}]}}}`;
}

function change(levels: number): string {
  return `{"update_mask":"feedback","assessment":{"feedback":{"value":${nested(levels)}}}}`;
}

function records(levels: number): string {
  return JSON.stringify({ records: `[{"inputs":{"a":${nested(levels)}}}]` });
}

function modelOfRun(levels: number): string {
  const model = `{"artifact_path":"m","flavors":${nested(levels)},"utc_time_created":"now","run_id":"r"}`;
  return JSON.stringify({ run_id: RUN, model_json: model });
}

const RUN = '1'.padStart(32, '0');

/** A server with a run, a trace `tr-1` of an assessment `a-1`, and a data set, whose id is given. */
async function filled(): Promise<{ rig: ServerRig; dataset: string }> {
  const rig = ServerRig.create();
  expect(await rig.run()).toBe(RUN);
  const assessment = `{"assessment_id":"a-1","assessment_name":"right",${SOURCE},"feedback":{"value":1}}`;
  const trace = traceWith(0)
    .replace('tr-2', 'tr-1')
    .replace(/"assessments":\[.*\]/, `"assessments":[${assessment}]`);
  expect(await send(rig, 'POST', '3.0/mlflow/traces', trace)).toMatchObject({ status: 200 });
  const { body } = await send(rig, 'POST', '3.0/mlflow/datasets/create', '{"name":"d"}');
  return { rig, dataset: (body as { dataset: { dataset_id: string } }).dataset.dataset_id };
}

async function send(
  { app }: ServerRig,
  method: 'POST' | 'PATCH',
  path: string,
  payload: string,
): Promise<{ status: number; body: unknown }> {
  const { statusCode, body } = await app.inject({
    method,
    url: `/api/${path}`,
    headers: { ...HOST, 'content-type': 'application/json' },
    payload,
  });
  return { status: statusCode, body: JSON.parse(body) };
}

const BODIES: readonly (readonly [string, 'POST' | 'PATCH', string, (levels: number) => string, number])[] = [
  ['feedback', 'POST', '3.0/mlflow/traces/tr-1/assessments', feedback, ABOVE_FEEDBACK],
  ['feedback that is changed', 'PATCH', '3.0/mlflow/traces/tr-1/assessments/a-1', change, ABOVE_FEEDBACK],
  ['an expectation of a new trace', 'POST', '3.0/mlflow/traces', traceWith, 6],
  ['an expectation in a text', 'POST', '3.0/mlflow/traces/tr-1/assessments', expected, 0],
  ['records in a text', 'POST', '3.0/mlflow/datasets/DATASET/records', records, 3],
  ['a model in a text', 'POST', '2.0/mlflow/runs/log-model', modelOfRun, 1],
  [
    'a body that is encoded twice',
    'POST',
    '3.0/mlflow/traces/tr-1/assessments',
    (levels) => JSON.stringify(feedback(levels)),
    ABOVE_FEEDBACK,
  ],
];

test.each(BODIES)('%s is taken with 100 levels and refused with more, whatever they are', async (...args) => {
  const [, method, path, body, above] = args;
  const { rig, dataset } = await filled();
  await using _ = rig;
  const at = path.replace('DATASET', dataset);
  expect(await send(rig, method, at, body(100 - above))).toMatchObject({ status: 200 });
  for (const levels of [101 - above, 5000, 1_000_000])
    expect([levels, await send(rig, method, at, body(levels))]).toMatchObject([
      levels,
      { status: 400, body: { message: expect.stringContaining('more than 100 levels') } },
    ]);
  expect(rig.bugs).toEqual([]);
});

test('a tag that is the history of models is refused likewise', async () => {
  const { rig } = await filled();
  await using _ = rig;
  const tag = JSON.stringify({ run_id: RUN, key: 'mlflow.log-model.history', value: nested(5000) });
  expect(await send(rig, 'POST', '2.0/mlflow/runs/set-tag', tag)).toMatchObject({ status: 200 });
  expect(await send(rig, 'POST', '2.0/mlflow/runs/log-model', modelOfRun(1))).toMatchObject({
    status: 400,
    body: { message: 'The tag mlflow.log-model.history of the run is no list of models.' },
  });
  expect(rig.bugs).toEqual([]);
});

test('brackets in texts are no levels, nor are those that are closed', async () => {
  const { rig } = await filled();
  await using _ = rig;
  const value = ['\\"'.repeat(3) + '['.repeat(200), ...Array.from({ length: 200 }, () => [{}])];
  const sent = feedback(0).replace('"value":', `"value":${JSON.stringify(value)}`);
  expect(await send(rig, 'POST', '3.0/mlflow/traces/tr-1/assessments', sent)).toMatchObject({
    status: 200,
    body: { assessment: { feedback: { value } } },
  });
});

/** An attribute of lists in lists, as OTLP has it. */
function attribute(levels: number): object {
  let value: object = { boolValue: true };
  for (let level = 0; level < levels; level += 1) value = { arrayValue: { values: [value] } };
  return { key: 'deep', value };
}

function spanWith(levels: number): { resourceSpans: object[] } {
  const span = {
    traceId: '0102030405060708090a0b0c0d0e0f10',
    spanId: '00000000000000a1',
    name: 'predict',
    startTimeUnixNano: '1700000000000000000',
    endTimeUnixNano: '1700000000000000001',
    attributes: [attribute(levels)],
  };
  return { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] };
}

test('an attribute of a span is taken with 50 levels and read, and refused with more', async () => {
  await using rig = ServerRig.create();
  const sent = async (levels: number): Promise<number> =>
    (
      await rig.app.inject({
        method: 'POST',
        url: '/v1/traces',
        headers: { ...HOST, 'x-mlflow-experiment-id': '0', 'content-type': 'application/json' },
        payload: JSON.stringify(spanWith(levels)),
      })
    ).statusCode;
  expect([await sent(51), await sent(900), await sent(50)]).toEqual([400, 400, 200]);
  const { statusCode, body } = await rig.app.inject({
    method: 'GET',
    url: '/api/3.0/mlflow/traces/get?trace_id=tr-0102030405060708090a0b0c0d0e0f10',
    headers: HOST,
  });
  expect([statusCode, body.split('array_value').length - 1, rig.bugs]).toEqual([200, 50, []]);
});
