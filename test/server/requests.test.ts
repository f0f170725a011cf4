import type { LightMyRequestResponse } from 'fastify';
import { describe, expect, test } from 'vitest';
import { ROUTES } from '../../src/server/create-server.ts';
import { HOST, ServerRig } from '../rigs/server-rig.ts';

const CREATE = '/api/2.0/mlflow/experiments/create';

describe('who may ask', () => {
  test('any route: only by a name of this server', async () => {
    await using rig = ServerRig.create();
    for (const { method, version, path } of ROUTES) {
      const url = `/api/${version}${path}`;
      const { statusCode, body } = await rig.app.inject({ method, url, headers: { host: 'evil.example' } });
      expect([url, statusCode, JSON.parse(body)]).toEqual([
        url,
        403,
        { error_code: 'PERMISSION_DENIED', message: 'This server is not called "evil.example"' },
      ]);
    }
  });

  test('a page of another origin changes nothing', async () => {
    await using rig = ServerRig.create();
    const post = (origin: string): Promise<LightMyRequestResponse> =>
      rig.app.inject({
        method: 'POST',
        url: CREATE,
        headers: { ...HOST, origin, 'content-type': 'application/json' },
        payload: '{"name":"x"}',
      });
    for (const origin of ['http://evil.example', 'http://localhost:6000', 'null'])
      expect([origin, (await post(origin)).statusCode]).toEqual([origin, 403]);
    expect((await post('http://localhost:5000')).statusCode).toBe(200);
  });

  test('health and version answer anyone', async () => {
    await using rig = ServerRig.create();
    const get = (url: string): Promise<LightMyRequestResponse> =>
      rig.app.inject({ method: 'GET', url, headers: { host: 'probe' } });
    expect((await get('/health')).body).toBe('OK');
    expect((await get('/version')).body).toBe('3.17.2');
    expect((await get('/health')).headers['x-stockpot-version']).toBe('0.0.0');
  });
});

describe('a body', () => {
  test.each<[string, string | undefined, string, number, string]>([
    ['without a type', undefined, '{"name":"x"}', 400, 'Bad Request. Content-Type header is missing.'],
    [
      'of a form',
      'text/plain',
      '{"name":"x"}',
      400,
      "Bad Request. Content-Type must be one of ['application/json'].",
    ],
    ['that is no JSON', 'application/json', '{', 400, ''],
    ['that is no object', 'application/json', '[1]', 400, 'The body is no JSON object.'],
    ['that is encoded twice', 'application/json; charset=utf-8', '"{\\"name\\":\\"x\\"}"', 200, ''],
    ['with keys that nobody knows', 'application/json', '{"name":"x","__proto__":{"a":1},"y":2}', 200, ''],
  ])('%s', async (_, type, payload, status, message) => {
    await using rig = ServerRig.create();
    const { statusCode, body } = await rig.app.inject({
      method: 'POST',
      url: CREATE,
      headers: { ...HOST, ...(type === undefined ? {} : { 'content-type': type }) },
      payload: Buffer.from(payload),
    });
    expect(statusCode).toBe(status);
    if (message !== '') expect(JSON.parse(body)).toEqual({ error_code: 'BAD_REQUEST', message });
    expect(rig.bugs).toEqual([]);
  });

  test('beyond the limit is refused before it is read', async () => {
    await using rig = ServerRig.create();
    const { statusCode } = await rig.app.inject({
      method: 'POST',
      url: CREATE,
      headers: { ...HOST, 'content-type': 'application/json' },
      payload: `{"name":"${'x'.repeat(9 * 1024 * 1024)}"}`,
    });
    expect(statusCode).toBe(413);
  });

  test('that is nested a hundred thousand deep is no end of the server', async () => {
    await using rig = ServerRig.create();
    const { statusCode } = await rig.app.inject({
      method: 'POST',
      url: CREATE,
      headers: { ...HOST, 'content-type': 'application/json' },
      payload: `{"name":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
    });
    expect(statusCode).toBe(400);
    expect(rig.bugs).toEqual([]);
  });
});

test('what is not served says so, as clients that probe for it expect', async () => {
  await using rig = ServerRig.create();
  const { statusCode, body } = await rig.app.inject({
    method: 'GET',
    url: '/api/3.0/mlflow/workspaces',
    headers: HOST,
  });
  expect([statusCode, JSON.parse(body)]).toEqual([
    404,
    { error_code: 'ENDPOINT_NOT_FOUND', message: 'There is no GET /api/3.0/mlflow/workspaces' },
  ]);
});
