import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openLedger } from '../../src/ledger/open-ledger.ts';
import { openDatabase } from '../../src/tracking/open-database.ts';
import { AccessRig } from '../rigs/access-rig.ts';
import { API_REQUESTS, type BadRequest, requestsTo } from '../rigs/bad-requests.ts';
import { onPostgres } from '../rigs/on-postgres.ts';
import { registeredRoutes } from '../rigs/registered-routes.ts';
import { sendRaw } from '../rigs/send-raw.ts';
import { HOST, ServerRig } from '../rigs/server-rig.ts';

/** Sends bad requests by a socket, as an administrator and to the real server, and expects answers of it. */
async function bombard(rig: AccessRig, counts: { api: number; others: number }): Promise<Error[]> {
  const { server } = rig;
  const token = await rig.user('root', 'admin');
  await rig.post(token, 'runs/create', { experiment_id: '0', run_name: 'there' });
  const others = (await registeredRoutes(server.app)).filter(
    ({ path }) => !/^\/api\/.\.0\/mlflow\//.test(path),
  );
  const port = await server.listen();
  const isAnswered = async (request: BadRequest): Promise<void> => {
    const headers = { ...HOST, authorization: `Bearer ${token}`, ...request.headers };
    const { status, type, text } = await sendRaw(port, { ...request, headers });
    expect([server.bugs.map(({ stack }) => stack), status < 500]).toEqual([[], true]);
    if (status >= 400 && type.startsWith('application/json') && text !== '')
      expect(Object.keys(JSON.parse(text) as object)).toEqual(['error_code', 'message']);
  };
  await fc.assert(fc.asyncProperty(API_REQUESTS, isAnswered), { numRuns: counts.api });
  await fc.assert(fc.asyncProperty(requestsTo(others), isAnswered), { numRuns: counts.others });
  expect(Object.keys(Object.prototype)).toEqual([]);
  return server.bugs;
}

describe('whatever is sent', () => {
  test('is answered, and is no fault of the server', async () => {
    await using rig = AccessRig.create();
    expect(await bombard(rig, { api: 1000, others: 600 })).toEqual([]);
  });

  onPostgres((postgres) => {
    test('is answered there too, where the database refuses other values', async () => {
      const url = await postgres().newDatabase();
      const [database, ledger] = await Promise.all([openDatabase('', url), openLedger('', url)]);
      await using rig = AccessRig.create({ database, ledger });
      expect(await bombard(rig, { api: 500, others: 300 })).toEqual([]);
    });
  });

  // A promise that nobody had looked at ended the process.
  test('for an experiment that is no number is refused, and the server stays', async () => {
    await using rig = ServerRig.create();
    const { statusCode, body } = await rig.app.inject({
      method: 'POST',
      url: '/api/2.0/mlflow/runs/create',
      headers: HOST,
      payload: { experiment_id: '/etc/passwd' },
    });
    expect([statusCode, JSON.parse(body)]).toEqual([
      404,
      { error_code: 'RESOURCE_DOES_NOT_EXIST', message: 'No Experiment with id=/etc/passwd exists' },
    ]);
  });

  test.each([
    ['a name twice', { host: 'localhost:5000, evil.example' }],
    ['a name that begins like an address', { host: '127.0.0.1.evil.example' }],
    ['a name with a user', { host: 'user@localhost' }],
  ])('%s of the server is none of it', async (_, headers) => {
    await using rig = ServerRig.create();
    const { statusCode } = await rig.app.inject({
      method: 'GET',
      url: '/api/2.0/mlflow/experiments/get?experiment_id=0',
      headers,
    });
    expect(statusCode).toBe(403);
  });

  test('by a method that a path does not know is not found', async () => {
    await using rig = ServerRig.create();
    for (const method of ['PUT', 'DELETE', 'OPTIONS', 'PATCH'] as const) {
      const { statusCode } = await rig.app.inject({
        method,
        url: '/api/2.0/mlflow/runs/get',
        headers: HOST,
      });
      expect([method, statusCode]).toEqual([method, 404]);
    }
  });
});
