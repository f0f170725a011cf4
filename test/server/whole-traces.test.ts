import { expect, test } from 'vitest';
import { HOST, ServerRig } from '../rigs/server-rig.ts';

const TRACE = '0102030405060708090a0b0c0d0e0f10';
const ID = `tr-${TRACE}`;
const START = 1_700_000_000_123_456_789n;

/** A span as OpenTelemetry sends it, which must come back so. */
const SPAN = {
  traceId: TRACE,
  spanId: '00000000000000a1',
  name: 'predict',
  startTimeUnixNano: String(START),
  endTimeUnixNano: String(START + 5n),
  attributes: [
    { key: 'text', value: { stringValue: 'größe' } },
    { key: 'whole', value: { intValue: '9007199254740993' } },
    { key: 'half', value: { doubleValue: 0.5 } },
    { key: 'truth', value: { boolValue: true } },
    { key: 'list', value: { arrayValue: { values: [{ intValue: '1' }, { stringValue: 'a' }] } } },
    { key: 'map', value: { kvlistValue: { values: [{ key: 'k', value: { doubleValue: 1e300 } }] } } },
  ],
  events: [
    { name: 'e', timeUnixNano: String(START + 1n), attributes: [{ key: 'n', value: { intValue: '2' } }] },
  ],
  links: [{ traceId: 'ff'.repeat(16), spanId: '00000000000000b1', attributes: [] }],
  status: { code: 2, message: 'no' },
};

async function withSpans(...spans: readonly object[]): Promise<ServerRig> {
  const rig = ServerRig.create();
  const { statusCode } = await rig.app.inject({
    method: 'POST',
    url: '/v1/traces',
    payload: JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] }),
    headers: { ...HOST, 'x-mlflow-experiment-id': '0', 'content-type': 'application/json' },
  });
  expect(statusCode).toBe(200);
  return rig;
}

async function get(rig: ServerRig, path: string): Promise<{ status: number; body: Record<string, unknown> }> {
  const { statusCode, body } = await rig.app.inject({ method: 'GET', url: path, headers: HOST });
  return { status: statusCode, body: JSON.parse(body) as Record<string, unknown> };
}

const whole = (rig: ServerRig, more = ''): ReturnType<typeof get> =>
  get(rig, `/api/3.0/mlflow/traces/get?trace_id=${ID}${more}`);

test('a trace is read with its spans as they were sent', async () => {
  await using rig = await withSpans(SPAN);
  expect(await whole(rig)).toEqual({
    status: 200,
    body: {
      trace: {
        trace_info: expect.objectContaining({ trace_id: ID, state: 'ERROR' }),
        spans: [
          {
            trace_id: Buffer.from(TRACE, 'hex').toString('base64'),
            span_id: Buffer.from('00000000000000a1', 'hex').toString('base64'),
            name: 'predict',
            start_time_unix_nano: String(START),
            end_time_unix_nano: String(START + 5n),
            attributes: [
              { key: 'text', value: { string_value: 'größe' } },
              { key: 'whole', value: { int_value: '9007199254740993' } },
              { key: 'half', value: { double_value: 0.5 } },
              { key: 'truth', value: { bool_value: true } },
              {
                key: 'list',
                value: { array_value: { values: [{ int_value: '1' }, { string_value: 'a' }] } },
              },
              {
                key: 'map',
                value: { kvlist_value: { values: [{ key: 'k', value: { double_value: 1e300 } }] } },
              },
              { key: 'mlflow.traceRequestId', value: { string_value: ID } },
            ],
            events: [
              {
                name: 'e',
                time_unix_nano: String(START + 1n),
                attributes: [{ key: 'n', value: { int_value: '2' } }],
              },
            ],
            links: [
              {
                trace_id: Buffer.from('ff'.repeat(16), 'hex').toString('base64'),
                span_id: Buffer.from('00000000000000b1', 'hex').toString('base64'),
                attributes: [],
              },
            ],
            status: { code: 'STATUS_CODE_ERROR', message: 'no' },
          },
        ],
      },
    },
  });
});

test('one that lacks spans which its client counted is read in part only if asked so', async () => {
  await using rig = await withSpans(SPAN);
  await rig.app.inject({
    method: 'POST',
    url: '/api/3.0/mlflow/traces',
    headers: HOST,
    payload: {
      trace: {
        trace_info: {
          trace_id: ID,
          trace_location: { mlflow_experiment: { experiment_id: '0' } },
          request_time: '2025-01-01T00:00:00Z',
          trace_metadata: { 'mlflow.trace.sizeStats': '{"num_spans": 2}' },
        },
      },
    },
  });
  expect(await whole(rig)).toMatchObject({ status: 404, body: { error_code: 'RESOURCE_DOES_NOT_EXIST' } });
  expect(await whole(rig, '&allow_partial=true')).toMatchObject({ status: 200 });
  expect(await get(rig, `/api/3.0/mlflow/traces/batchGet?trace_ids=${ID}`)).toEqual({
    status: 200,
    body: { traces: [] },
  });
});

test('several are read at once; those of other experiments and unknown ones are left out', async () => {
  await using rig = await withSpans(SPAN, { ...SPAN, traceId: 'aa'.repeat(16) });
  const ids = [`tr-${'aa'.repeat(16)}`, ID, 'tr-none'];
  const infosOf = async (asked: object): Promise<unknown> => {
    const { body } = await rig.app.inject({
      method: 'POST',
      url: '/api/3.0/mlflow/traces/batchGetInfos',
      headers: HOST,
      payload: { trace_ids: ids, ...asked },
    });
    return (JSON.parse(body) as { trace_infos?: { trace_id: string }[] }).trace_infos?.map(
      ({ trace_id }) => trace_id,
    );
  };
  expect(await infosOf({})).toEqual(ids.slice(0, 2));
  expect(await infosOf({ experiment_ids: ['0'] })).toEqual(ids.slice(0, 2));
  expect(await infosOf({ experiment_ids: ['7'] })).toEqual([]);
  expect(await infosOf({ experiment_ids: [] })).toEqual([]);
  const query = ids.map((id) => `trace_ids=${id}`).join('&');
  expect(await get(rig, `/api/3.0/mlflow/traces/batchGet?${query}`)).toMatchObject({
    body: { traces: [{ spans: [{ name: 'predict' }] }, { spans: [{ name: 'predict' }] }] },
  });
});

test('its spans are a file for clients that read files, and for MLflow’s pages', async () => {
  await using rig = await withSpans(SPAN);
  const file = await get(rig, `/api/2.0/mlflow-artifacts/artifacts/0/traces/${ID}/artifacts/traces.json`);
  expect(file).toMatchObject({ status: 200, body: { spans: [{ name: 'predict' }] } });
  expect(await get(rig, `/ajax-api/2.0/mlflow/get-trace-artifact?request_id=${ID}`)).toEqual(file);
  await rig.app.inject({
    method: 'PUT',
    url: `/api/2.0/mlflow-artifacts/artifacts/0/traces/${ID}/artifacts/attachments/a.json`,
    headers: HOST,
    payload: '{"a":1}',
  });
  const attached = '/ajax-api/2.0/mlflow/get-trace-artifact?path=a.json&request_id=';
  expect(await get(rig, `${attached}${ID}`)).toEqual({ status: 200, body: { a: 1 } });
  expect(await get(rig, `${attached}tr-none`)).toMatchObject({ status: 404 });
  expect(
    await get(rig, `/ajax-api/2.0/mlflow/get-trace-artifact?request_id=${ID}&path=../traces.json`),
  ).toMatchObject({ status: 400 });
  expect(
    await get(rig, `/api/2.0/mlflow-artifacts/artifacts/1/traces/${ID}/artifacts/traces.json`),
  ).toMatchObject({ status: 404 });
});

test('traces and prompts are linked', async () => {
  await using rig = await withSpans(SPAN);
  const { run } = (await rig.post('runs/create', { experiment_id: '0' })).body as {
    run: { info: { run_id: string } };
  };
  const done = { status: 200, body: {} };
  expect(await rig.post('traces/link-to-run', { trace_ids: [ID], run_id: run.info.run_id })).toEqual(done);
  expect(
    await rig.post('traces/link-prompts', { trace_id: ID, prompt_versions: [{ name: 'p', version: '1' }] }),
  ).toEqual(done);
  for (const filter of [`run_id = '${run.info.run_id}'`, "prompt = 'p/1'"])
    expect(await rig.get(`traces?experiment_ids=0&filter=${encodeURIComponent(filter)}`)).toMatchObject({
      body: { traces: [{ request_id: ID }] },
    });
  expect(await rig.post('traces/link-prompts', { trace_id: 'tr-none', prompt_versions: [] })).toMatchObject({
    status: 404,
  });
});
