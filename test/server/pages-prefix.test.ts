import { expect, test } from 'vitest';
import { ROUTES } from '../../src/server/create-server.ts';
import { HOST, ServerRig } from '../rigs/server-rig.ts';

test.each(['/api/', '/ajax-api/'])('every endpoint answers below %s', async (prefix) => {
  await using rig = ServerRig.create();
  const unknown = new Set<string>();
  for (const { method, version, path } of ROUTES) {
    const url = `${prefix}${version}${path.replaceAll(/\{\+?\w+\}/g, 'x')}`;
    const payload = method === 'POST' || method === 'PATCH' ? { payload: {} } : {};
    const { body } = await rig.app.inject({ method, url, headers: HOST, ...payload });
    const { error_code: code } = JSON.parse(body) as { error_code?: string };
    if (code === 'ENDPOINT_NOT_FOUND') unknown.add(`${method} ${url}`);
  }
  expect([...unknown]).toEqual([]);
  expect(ROUTES.length).toBeGreaterThan(100);
});
