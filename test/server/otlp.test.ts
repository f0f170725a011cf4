import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { EXPORT_REQUEST } from '../../src/server/otlp-schema.ts';
import { HOST, ServerRig } from '../rigs/server-rig.ts';

const TRACE = '0102030405060708090a0b0c0d0e0f10';
const ID = `tr-${TRACE}`;
const START = 1_700_000_000_123_456_789n;

const ROOT_SPAN = {
  traceId: TRACE,
  spanId: '00000000000000a1',
  name: 'predict',
  startTimeUnixNano: String(START),
  endTimeUnixNano: String(START + 250_000_000n),
  attributes: [
    { key: 'mlflow.spanInputs', value: { stringValue: 'größe' } },
    { key: 'mlflow.traceTag.team', value: { stringValue: 'blue' } },
    { key: 'count', value: { intValue: '9007199254740993' } },
    { key: 'parts', value: { arrayValue: { values: [{ boolValue: true }, { doubleValue: 0.5 }] } } },
    { key: 'map', value: { kvlistValue: { values: [{ key: 'a', value: { stringValue: 'b' } }] } } },
  ],
  events: [
    {
      timeUnixNano: String(START + 1n),
      name: 'exception',
      attributes: [{ key: 'n', value: { intValue: '1' } }],
    },
  ],
  links: [{ traceId: 'ff'.repeat(16), spanId: '00000000000000b1' }],
  status: { code: 2, message: 'no' },
};
const INNER_SPAN = {
  traceId: TRACE,
  spanId: '00000000000000a2',
  parentSpanId: '00000000000000a1',
  name: 'inner',
  startTimeUnixNano: String(START + 1_000_000n),
  endTimeUnixNano: String(START + 2_000_000n),
};

function request(...spans: object[]): { resourceSpans: object[] } {
  const attributes = [
    { key: 'service.name', value: { stringValue: 'shop' } },
    { key: 'telemetry.sdk.language', value: { stringValue: 'go' } },
  ];
  return { resourceSpans: [{ resource: { attributes }, scopeSpans: [{ spans }] }] };
}

/** As exporters encode it: ids are bytes. */
function protobuf(body: { resourceSpans: object[] }): Buffer {
  const bytes: unknown = JSON.parse(JSON.stringify(body), (key, value: unknown) =>
    /(?:traceId|spanId|parentSpanId)$/i.test(key)
      ? Buffer.from(String(value), 'hex').toString('base64')
      : value,
  );
  return Buffer.from(EXPORT_REQUEST.encode(EXPORT_REQUEST.fromObject(bytes as object)).finish());
}

async function send(
  rig: ServerRig,
  payload: Buffer | string,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: string }> {
  const { statusCode, body } = await rig.app.inject({
    method: 'POST',
    url: '/v1/traces',
    payload,
    headers: { ...HOST, 'x-mlflow-experiment-id': '0', 'content-type': 'application/x-protobuf', ...headers },
  });
  return { status: statusCode, body };
}

/** The trace, and its spans as they lie in the file. */
async function traceOf(rig: ServerRig): Promise<{ info: object; spans: string }> {
  const get = async (url: string): Promise<string> =>
    (await rig.app.inject({ method: 'GET', url, headers: HOST })).body;
  const { trace } = JSON.parse(await get(`/api/3.0/mlflow/traces/${ID}`)) as {
    trace: { trace_info: object };
  };
  return {
    info: trace.trace_info,
    spans: await get(`/api/2.0/mlflow-artifacts/artifacts/0/traces/${ID}/artifacts/traces.json`),
  };
}

const SENT = [
  ['protobuf', protobuf(request(ROOT_SPAN)), {}],
  ['JSON', JSON.stringify(request(ROOT_SPAN)), { 'content-type': 'application/json; charset=utf-8' }],
  ['gzip', gzipSync(protobuf(request(ROOT_SPAN))), { 'content-encoding': 'gzip' }],
  ['deflate', deflateSync(protobuf(request(ROOT_SPAN))), { 'content-encoding': 'deflate' }],
  [
    'deflate without a header',
    deflateRawSync(protobuf(request(ROOT_SPAN))),
    { 'content-encoding': 'deflate' },
  ],
] as const;

describe('spans that OpenTelemetry’s exporters send', () => {
  test.each(SENT)('as %s become a trace as MLflow keeps it', async (_, payload, headers) => {
    await using rig = ServerRig.create();
    expect((await send(rig, payload, { ...headers, 'x-mlflow-run-id': 'r1' })).status).toBe(200);
    const { info, spans } = await traceOf(rig);
    expect(info).toEqual({
      trace_id: ID,
      trace_location: { type: 'MLFLOW_EXPERIMENT', mlflow_experiment: { experiment_id: '0' } },
      request_preview: '"größe"',
      request_time: '2023-11-14T22:13:20.123Z',
      execution_duration: '0.250s',
      state: 'ERROR',
      trace_metadata: { 'mlflow.trace_schema.version': '3', 'mlflow.sourceRun': 'r1' },
      tags: {
        'mlflow.artifactLocation': `mlflow-artifacts:/0/traces/${ID}/artifacts`,
        'mlflow.trace.spansLocation': 'TRACKING_STORE',
        'mlflow.traceName': 'predict',
        'service.name': 'shop',
        team: 'blue',
      },
    });
    // As text: a time in nanoseconds is beyond 2^53.
    expect(spans).toBe(
      `{"spans":[{"trace_id":"AQIDBAUGBwgJCgsMDQ4PEA==","span_id":"AAAAAAAAAKE=","parent_span_id":null,"name":"predict","start_time_unix_nano":${START},"end_time_unix_nano":${START + 250_000_000n},"events":[{"name":"exception","time_unix_nano":${START + 1n},"attributes":{"n":1}}],"status":{"code":"STATUS_CODE_ERROR","message":"no"},"attributes":{"mlflow.spanInputs":"\\"größe\\"","mlflow.traceTag.team":"\\"blue\\"","count":"9007199254740993","parts":"[true,0.5]","map":"{\\"a\\":\\"b\\"}","mlflow.traceRequestId":"\\"${ID}\\""},"links":[{"trace_id":"tr-${'ff'.repeat(16)}","span_id":"00000000000000b1","attributes":{}}]}]}`,
    );
    expect(rig.bugs).toEqual([]);
  });

  test('in several requests, also at once, and again, are one trace', async () => {
    await using rig = ServerRig.create();
    await send(rig, protobuf(request(INNER_SPAN)));
    expect((await traceOf(rig)).info).toMatchObject({ state: 'IN_PROGRESS', execution_duration: '0.001s' });
    const more = Array.from({ length: 5 }, (_, index) => ({
      ...INNER_SPAN,
      spanId: `00000000000000c${index}`,
    }));
    await Promise.all([ROOT_SPAN, INNER_SPAN, ...more].map((span) => send(rig, protobuf(request(span)))));
    const { info, spans } = await traceOf(rig);
    expect(info).toMatchObject({
      state: 'ERROR',
      execution_duration: '0.250s',
      request_time: '2023-11-14T22:13:20.123Z',
    });
    const { spans: list } = JSON.parse(spans) as { spans: { span_id: string }[] };
    expect(new Set(list.map(({ span_id }) => span_id)).size).toBe(7);
    expect(list).toHaveLength(7);
    expect(spans).toContain(`"start_time_unix_nano":${START + 1_000_000n},`);
  });

  test('that are none, too large once inflated, or for no experiment are refused with a 4xx', async () => {
    await using rig = ServerRig.create();
    const good = protobuf(request(ROOT_SPAN));
    const json = { 'content-type': 'application/json' };
    const nested = `${'{"arrayValue":{"values":['.repeat(50_000)}${']}}'.repeat(50_000)}`;
    const cases: [string, Buffer | string, Record<string, string>][] = [
      ['no experiment', good, { 'x-mlflow-experiment-id': '' }],
      ['another experiment', good, { 'x-mlflow-experiment-id': '99' }],
      ['type', good, { 'content-type': 'text/plain' }],
      ['encoding', good, { 'content-encoding': 'br' }],
      ['no gzip', good, { 'content-encoding': 'gzip' }],
      ['bomb', gzipSync(Buffer.alloc(64 * 1024 * 1024)), { 'content-encoding': 'gzip' }],
      ['cut', good.subarray(0, 40), {}],
      ['empty', '', {}],
      ['no object', '[1', json],
      ['no ids', JSON.stringify(request({ ...ROOT_SPAN, traceId: 'xyz' })), json],
      ['no time', JSON.stringify(request({ ...ROOT_SPAN, startTimeUnixNano: '-1' })), json],
      [
        'deep',
        JSON.stringify(request({ ...ROOT_SPAN, attributes: [{ key: 'a', value: 'X' }] })).replace(
          '"X"',
          nested,
        ),
        json,
      ],
      ['no list', '{"resourceSpans":{"length":1}}', json],
    ];
    const statuses: [string, number][] = [];
    for (const [name, payload, headers] of cases)
      statuses.push([name, (await send(rig, payload, headers)).status]);
    expect(statuses).toEqual(cases.map(([name]) => [name, name === 'another experiment' ? 404 : 400]));
    expect(rig.bugs).toEqual([]);
  });
});
