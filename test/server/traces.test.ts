import { describe, expect, test } from 'vitest';
import { type Answer, HOST, ServerRig, v3 } from '../rigs/server-rig.ts';

const NOT_FOUND = { status: 404, body: { error_code: 'RESOURCE_DOES_NOT_EXIST' } };
const INVALID = { status: 400, body: { error_code: 'INVALID_PARAMETER_VALUE' } };
const DONE = { status: 200, body: {} };

function info(id: string, more: object = {}): object {
  return {
    trace_id: id,
    trace_location: { type: 'MLFLOW_EXPERIMENT', mlflow_experiment: { experiment_id: '0' } },
    request_time: '2025-01-01T00:00:00.123Z',
    execution_duration: '1.500s',
    state: 'OK',
    ...more,
  };
}

async function write(rig: ServerRig, id: string, more: object = {}): Promise<Answer> {
  return v3(rig, 'POST', '', { trace: { trace_info: info(id, more) } });
}

async function start(rig: ServerRig, body: object = {}): Promise<string> {
  const answer = await rig.post('traces', { experiment_id: '0', timestamp_ms: 100, ...body });
  return (answer.body['trace_info'] as { request_id: string }).request_id;
}

describe('a trace of MLflow 2', () => {
  test('is begun, then ended', async () => {
    await using rig = ServerRig.create();
    const id = `tr-${'1'.padStart(32, '0')}`;
    const begun = {
      request_id: id,
      experiment_id: '0',
      timestamp_ms: 100,
      status: 'IN_PROGRESS',
      request_metadata: [{ key: 'mlflow.trace_schema.version', value: '2' }],
      tags: [
        { key: 'mlflow.artifactLocation', value: `mlflow-artifacts:/0/traces/${id}/artifacts` },
        { key: 'mlflow.traceName', value: 'ask' },
      ],
    };
    expect(
      await rig.post('traces', {
        experiment_id: '0',
        timestamp_ms: 100,
        request_metadata: begun.request_metadata,
        tags: [{ key: 'mlflow.traceName', value: 'ask' }],
      }),
    ).toEqual({ status: 200, body: { trace_info: begun } });
    const ended = {
      ...begun,
      execution_time_ms: 20,
      status: 'ERROR',
      request_metadata: [...begun.request_metadata, { key: 'z', value: '1' }],
      tags: [...begun.tags.slice(0, 1), { key: 'mlflow.traceName', value: 'tell' }],
    };
    expect(
      await rig.send('PATCH', `traces/${id}`, {
        timestamp_ms: 120,
        status: 'ERROR',
        request_metadata: [{ key: 'z', value: '1' }],
        tags: [{ key: 'mlflow.traceName', value: 'tell' }],
      }),
    ).toEqual({ status: 200, body: { trace_info: ended } });
    expect(await rig.get(`traces/${id}/info`)).toEqual({ status: 200, body: { trace_info: ended } });
    expect(await rig.get('traces', { experiment_ids: '0' })).toEqual({
      status: 200,
      body: { traces: [ended] },
    });
  });

  test('that is not there is not ended', async () => {
    await using rig = ServerRig.create();
    expect(await rig.send('PATCH', 'traces/tr-1', { timestamp_ms: 1, status: 'OK' })).toMatchObject(
      NOT_FOUND,
    );
    expect(await rig.get('traces/tr-1/info')).toMatchObject(NOT_FOUND);
    expect(await rig.post('traces', { experiment_id: '7', timestamp_ms: 1 })).toMatchObject(NOT_FOUND);
  });
});

// One such trace would break every list that it is in.
test('a time that no client can read is refused', async () => {
  await using rig = ServerRig.create();
  const id = await start(rig);
  for (const timestamp_ms of [-1, Date.UTC(10_000, 0, 1), Number.MAX_SAFE_INTEGER]) {
    expect(await rig.post('traces', { experiment_id: '0', timestamp_ms })).toMatchObject(INVALID);
    expect(await rig.send('PATCH', `traces/${id}`, { timestamp_ms, status: 'OK' })).toMatchObject(INVALID);
  }
});

describe('a trace of MLflow 3', () => {
  test('is written when the call is over', async () => {
    await using rig = ServerRig.create();
    const trace = info('tr-a', {
      client_request_id: 'mine',
      request_preview: 'hi',
      response_preview: 'ho',
      trace_metadata: { 'mlflow.user': 'ann' },
      tags: { 'mlflow.traceName': 'ask', 'mlflow.artifactLocation': 'file:///etc' },
    });
    const whole = {
      ...trace,
      tags: {
        'mlflow.traceName': 'ask',
        'mlflow.artifactLocation': 'mlflow-artifacts:/0/traces/tr-a/artifacts',
      },
    };
    expect(await v3(rig, 'POST', '', { trace: { trace_info: trace } })).toEqual({
      status: 200,
      body: { trace: { trace_info: whole } },
    });
    expect(await v3(rig, 'GET', '/tr-a')).toEqual({ status: 200, body: { trace: { trace_info: whole } } });
  });

  test('is one and the same for both versions', async () => {
    await using rig = ServerRig.create();
    await write(rig, 'tr-a', { tags: { a: 'b' } });
    expect(await rig.get('traces/tr-a/info')).toMatchObject({
      body: {
        trace_info: {
          request_id: 'tr-a',
          timestamp_ms: Date.UTC(2025, 0, 1, 0, 0, 0, 123),
          execution_time_ms: 1500,
          status: 'OK',
          tags: [{ key: 'a', value: 'b' }, { key: 'mlflow.artifactLocation' }],
        },
      },
    });
    const id = await start(rig);
    expect((await v3(rig, 'GET', `/${id}`)).body).toMatchObject({
      trace: { trace_info: { request_time: '1970-01-01T00:00:00.100Z', state: 'IN_PROGRESS' } },
    });
  });

  test('may come again with more', async () => {
    await using rig = ServerRig.create();
    await write(rig, 'tr-a', { state: 'IN_PROGRESS', tags: { a: '1', b: '1' } });
    expect(await write(rig, 'tr-a', { tags: { b: '2' } })).toMatchObject({
      status: 200,
      body: { trace: { trace_info: { state: 'OK', tags: { a: '1', b: '2' } } } },
    });
  });

  test.each([
    ['an id that leads elsewhere', { trace_id: '../x' }],
    ['no place', { trace_location: {} }],
    ['a time that is none', { request_time: 'yesterday' }],
    ['a duration of ages', { execution_duration: '315576000001s' }],
    ['a duration that is none', { execution_duration: '1m' }],
    ['a state that is none', { state: 'DONE' }],
    ['tags that are no map', { tags: ['a'] }],
    ['a tag that is no text', { tags: { a: { b: 1 } } }],
    ['a key that is too long', { tags: { ['k'.repeat(251)]: 'v' } }],
  ])('is refused with %s', async (_, more) => {
    await using rig = ServerRig.create();
    expect(await write(rig, 'tr-a', more)).toMatchObject(INVALID);
    expect((await rig.get('traces', { experiment_ids: '0' })).body).toEqual({ traces: [] });
  });

  // The client of 3.x asks for `get` and reads these words as: this server sends no spans, take the artifact.
  test('are set and deleted in either version', async () => {
    await using rig = ServerRig.create();
    await write(rig, 'tr-a');
    expect(await rig.send('PATCH', 'traces/tr-a/tags', { key: 'a', value: '1' })).toEqual(DONE);
    expect(await v3(rig, 'PATCH', '/tr-a/tags', { key: 'b', value: '2' })).toEqual(DONE);
    expect((await v3(rig, 'GET', '/tr-a')).body).toMatchObject({
      trace: { trace_info: { tags: { a: '1', b: '2' } } },
    });
    expect(await v3(rig, 'DELETE', '/tr-a/tags', { key: 'a' })).toEqual(DONE);
    expect(await rig.send('DELETE', 'traces/tr-a/tags', { key: 'b' })).toEqual(DONE);
    expect(await rig.send('DELETE', 'traces/tr-a/tags', { key: 'b' })).toMatchObject(NOT_FOUND);
    expect(await v3(rig, 'PATCH', '/tr-b/tags', { key: 'b', value: '2' })).toMatchObject(NOT_FOUND);
  });
});

describe('traces are found', () => {
  async function three(): Promise<ServerRig> {
    const rig = ServerRig.create();
    const at = (second: number): object => ({ request_time: `2025-01-01T00:00:0${second}Z` });
    await write(rig, 'tr-1', {
      ...at(1),
      tags: { 'mlflow.traceName': 'ask' },
      trace_metadata: { 'mlflow.sourceRun': 'r1' },
    });
    await write(rig, 'tr-2', {
      ...at(2),
      state: 'ERROR',
      execution_duration: '3s',
      client_request_id: 'mine',
    });
    await write(rig, 'tr-3', { ...at(3), tags: { 'mlflow.traceName': 'tell' } });
    return rig;
  }

  const places = [{ type: 'MLFLOW_EXPERIMENT', mlflow_experiment: { experiment_id: '0' } }];

  async function found(rig: ServerRig, body: object): Promise<string[]> {
    const answer = await v3(rig, 'POST', '/search', { locations: places, ...body });
    expect(answer).toMatchObject({ status: 200 });
    return (answer.body['traces'] as { trace_id: string }[]).map(({ trace_id }) => trace_id);
  }

  test.each([
    [' ', ['tr-3', 'tr-2', 'tr-1']],
    ["status = 'ERROR'", ['tr-2']],
    ["trace.status != 'ERROR'", ['tr-3', 'tr-1']],
    [`timestamp_ms > ${Date.UTC(2025, 0, 1, 0, 0, 1)} AND execution_time < 2000`, ['tr-3']],
    [`end_time <= ${Date.UTC(2025, 0, 1, 0, 0, 4)}`, ['tr-1']],
    ["name LIKE '%ll'", ['tr-3']],
    ["tags.`mlflow.traceName` = 'ask'", ['tr-1']],
    ['tags.`mlflow.traceName` IS NULL', ['tr-2']],
    ["run_id = 'r1'", ['tr-1']],
    ["metadata.`mlflow.sourceRun` = 'r1'", ['tr-1']],
    ["request_metadata.`mlflow.sourceRun` = 'r2'", []],
    ["client_request_id = 'mine'", ['tr-2']],
    ["trace_id IN ('tr-1', 'tr-2')", ['tr-2', 'tr-1']],
  ])('by %s', async (filter, ids) => {
    await using rig = await three();
    expect(await found(rig, { filter })).toEqual(ids);
    const { body } = await rig.get('traces', { experiment_ids: '0', filter });
    expect((body['traces'] as { request_id: string }[]).map(({ request_id }) => request_id)).toEqual(ids);
  });

  test('in an order, a page at a time', async () => {
    await using rig = await three();
    const order_by = ['execution_time DESC', 'timestamp_ms ASC'];
    const first = await v3(rig, 'POST', '/search', { locations: places, order_by, max_results: 2 });
    expect(first.body).toMatchObject({ traces: [{ trace_id: 'tr-2' }, { trace_id: 'tr-1' }] });
    const page_token = first.body['next_page_token'];
    const second = await v3(rig, 'POST', '/search', {
      locations: places,
      order_by,
      max_results: 2,
      page_token,
    });
    expect(second.body).toMatchObject({ traces: [{ trace_id: 'tr-3' }] });
    expect(second.body).not.toHaveProperty('next_page_token');
  });

  test('only in the experiments that are asked for', async () => {
    await using rig = await three();
    expect(await found(rig, { locations: [] })).toEqual([]);
    expect((await rig.get('traces', { experiment_ids: '5' })).body).toEqual({ traces: [] });
  });

  test.each([
    { max_results: 501 },
    { filter: "metrics.auc > '1'" },
    { filter: 'feedback.x = 1' },
    { order_by: ['size'] },
    { locations: [{ type: 'INFERENCE_TABLE' }] },
  ])('but not by %o', async (body) => {
    await using rig = await three();
    expect(await v3(rig, 'POST', '/search', { locations: places, ...body })).toMatchObject(INVALID);
  });
});

describe('traces are deleted', () => {
  test('by id, with their spans', async () => {
    await using rig = ServerRig.create();
    const file = {
      url: '/api/2.0/mlflow-artifacts/artifacts/0/traces/tr-a/artifacts/traces.json',
      headers: HOST,
    };
    for (const id of ['tr-a', 'tr-b']) await write(rig, id);
    await rig.app.inject({ ...file, method: 'PUT', payload: '{"spans":[]}' });
    expect((await rig.app.inject({ ...file, method: 'GET' })).body).toBe('{"spans":[]}');
    expect(
      await rig.post('traces/delete-traces', { experiment_id: '0', request_ids: ['tr-a', 'tr-none'] }),
    ).toEqual({ status: 200, body: { traces_deleted: 1 } });
    expect((await rig.app.inject({ ...file, method: 'GET' })).statusCode).toBe(404);
    expect(await rig.get('traces/tr-a/info')).toMatchObject(NOT_FOUND);
    expect((await rig.get('traces/tr-b/info')).status).toBe(200);
  });

  test('up to a time, the oldest first', async () => {
    await using rig = ServerRig.create();
    const ids = [];
    for (const timestamp_ms of [300, 100, 200, 400]) ids.push(await start(rig, { timestamp_ms }));
    expect(
      await v3(rig, 'POST', '/delete-traces', {
        experiment_id: '0',
        max_timestamp_millis: 300,
        max_traces: 2,
      }),
    ).toEqual({ status: 200, body: { traces_deleted: 2 } });
    const { body } = await rig.get('traces', { experiment_ids: '0' });
    expect(body).toMatchObject({ traces: [{ request_id: ids[3] }, { request_id: ids[0] }] });
  });

  test('only of the experiment that is named, and only if the choice is clear', async () => {
    await using rig = ServerRig.create();
    await write(rig, 'tr-a');
    const { body } = await rig.post('experiments/create', { name: 'other' });
    expect(
      await rig.post('traces/delete-traces', { experiment_id: body['experiment_id'], request_ids: ['tr-a'] }),
    ).toEqual({ status: 200, body: { traces_deleted: 0 } });
    for (const choice of [
      {},
      { request_ids: ['tr-a'], max_timestamp_millis: 1 },
      { request_ids: ['tr-a'], max_traces: 1 },
      { max_timestamp_millis: 1, max_traces: 0 },
    ])
      expect(await rig.post('traces/delete-traces', { experiment_id: '0', ...choice })).toMatchObject(
        INVALID,
      );
    expect((await rig.get('traces/tr-a/info')).status).toBe(200);
  });
});
