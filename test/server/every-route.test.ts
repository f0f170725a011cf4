import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ROUTES } from '../../src/server/create-server.ts';
import type { Policy } from '../../src/server/policy.ts';
import { patternOf } from '../../src/server/route.ts';
import { AccessRig } from '../rigs/access-rig.ts';
import { registeredRoutes } from '../rigs/registered-routes.ts';
import { SILENT_PROVIDER } from '../rigs/silent-provider.ts';

/** All that anybody may ask; docs/security.md has the same list. */
const PUBLIC = [
  'GET /',
  'GET /health',
  'GET /openapi.json',
  'GET /ready',
  'GET /sign-in',
  'GET /sign-in/callback',
  'GET /sign-in/cli',
  'GET /sign-in/provider',
  'GET /version',
  'POST /api/2.0/stockpot/setup',
  'POST /api/2.0/stockpot/sign-in/token',
  'POST /sign-in',
  'POST /sign-in/allow',
  'POST /sign-out',
  'PUT /api/2.0/mlflow-artifacts/mpu/parts/:id/:number',
];

interface Seen {
  readonly method: string;
  readonly path: string;
  readonly kind: Policy<never>['kind'] | undefined;
  /** To nobody, and to somebody whose token is wrong. */
  readonly statuses: readonly number[];
}

/** Asks every route that the server has, as nobody and by a wrong token. */
async function seen(): Promise<readonly Seen[]> {
  await using rig = AccessRig.create({ provider: SILENT_PROVIDER });
  const { app } = rig.server;
  let kind: Seen['kind'];
  app.addHook('onResponse', async ({ routeOptions }) => {
    kind = routeOptions.config.policy?.kind;
  });
  const all: Seen[] = [];
  for (const { method, path } of await registeredRoutes(app)) {
    const ask = async (headers: Record<string, string>): Promise<number> => {
      const url = path.replaceAll(/:\w+/g, '1').replace('*', 'x');
      const { statusCode } = await rig.inject(headers, { method, url });
      return statusCode;
    };
    kind = undefined;
    all.push({
      method,
      path,
      statuses: [await ask({}), await ask({ authorization: 'Bearer stp_wrong' })],
      kind,
    });
  }
  return all;
}

function nameOf({ method, path }: Seen): string {
  return `${method} ${path}`;
}

describe('every route that the server has', () => {
  test('has a policy; the public ones are a list, and the others are for nobody unknown', async () => {
    const routes = await seen();
    const names = routes.map(nameOf);
    for (const { method, version, path } of ROUTES)
      expect(names).toContain(`${method} /api/${version}${patternOf(path)}`);
    for (const one of ['GET /metrics', 'POST /v1/traces', 'GET /api/2.0/stockpot/runs/:run_id/events'])
      expect(names).toContain(one);
    expect(routes.filter(({ kind }) => kind === undefined)).toEqual([]);
    const isOpen = routes.filter(({ kind, method }) => kind === 'public' && method !== 'HEAD');
    expect(isOpen.map(nameOf).toSorted()).toEqual(PUBLIC);
    const others = routes.filter(({ kind }) => kind !== 'public');
    expect(others.filter(({ statuses }) => statuses.some((status) => status !== 401))).toEqual([]);
  });

  test('and that is public stands in the documentation', () => {
    const page = readFileSync(join(import.meta.dirname, '../../docs/security.md'), 'utf8');
    const [, listed = ''] = /^## What is open to everybody\n([^#]*)/m.exec(page) ?? [];
    const rows = Array.from(listed.matchAll(/`((?:GET|POST|PUT) [^`]+)`/g), ([, route = '']) => route);
    expect(rows.toSorted()).toEqual(PUBLIC);
  });

  test('of one without a policy there is none: the server does not start', async () => {
    await using rig = AccessRig.create();
    expect(() => rig.server.app.get('/open', async () => 'x')).toThrow(
      'Internal error: GET /open has no policy',
    );
  });
});
