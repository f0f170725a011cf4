import { Validator } from '@seriousme/openapi-schema-validator';
import { expect, test } from 'vitest';
import { AccessRig } from '../rigs/access-rig.ts';
import { registeredRoutes } from '../rigs/registered-routes.ts';
import { HOST, ServerRig } from '../rigs/server-rig.ts';
import { SILENT_PROVIDER } from '../rigs/silent-provider.ts';

/** Pages that a browser shows: nobody calls them by a program. */
const PAGES = [
  'GET /',
  'GET /sign-in',
  'GET /sign-in/callback',
  'GET /sign-in/cli',
  'GET /sign-in/provider',
  'POST /sign-in',
  'POST /sign-in/allow',
  'POST /sign-out',
];

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required: boolean }[];
  readonly requestBody?: { readonly content: object };
  readonly responses: Readonly<Record<string, { readonly content?: object }>>;
  readonly security?: readonly object[];
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

async function documentOf({ app }: ServerRig): Promise<Document> {
  const { body } = await app.inject({ method: 'GET', url: '/openapi.json', headers: HOST });
  return JSON.parse(body) as Document;
}

async function document(): Promise<Document> {
  await using rig = ServerRig.create();
  return await documentOf(rig);
}

/** `GET /cas/{}` of each operation: whatever its parameters are called. */
function described({ paths }: Document): string[] {
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{\w+\}/g, '{}')}`),
  );
}

test('every route of the router is described, but for pages; no other is', async () => {
  await using rig = AccessRig.create({ provider: SILENT_PROVIDER });
  const routes = (await registeredRoutes(rig.server.app)).map(
    ({ method, path }) => `${method} ${path.replaceAll(/:\w+|\*/g, '{}')}`,
  );
  const all = described(await documentOf(rig.server));
  expect(all.length).toBeGreaterThan(170);
  expect(all.filter((one) => !routes.includes(one))).toEqual([]);
  // Where there is a GET, the server answers a HEAD as HTTP has it.
  const others = routes.filter(
    (one) => !all.includes(one) && !(one.startsWith('HEAD ') && routes.includes(one.replace('HEAD', 'GET'))),
  );
  expect(others.toSorted()).toEqual(PAGES);
});

test('what a server does not serve, it does not describe', async () => {
  const { paths } = await document();
  expect(Object.keys(paths)).toContain('/cas/{digest}');
  expect(Object.keys(paths).filter((path) => /submissions|\/runs\/\{run_id\}\/events/.test(path))).toEqual(
    [],
  );
});

test('the API describes itself as OpenAPI 3.1, each call by a name of its own', async () => {
  await using rig = AccessRig.create();
  const served = await documentOf(rig.server);
  expect(await new Validator().validate(served as object as Record<string, unknown>)).toEqual({
    valid: true,
  });
  const names = Object.values(served.paths).flatMap((path) =>
    Object.values(path).map(({ operationId }) => operationId),
  );
  expect(new Set(names).size).toBe(names.length);
  expect(names.length).toBe(described(served).length);
});

test("a call has MLflow's name; the same by another method or at another address says so", async () => {
  const { paths } = await document();
  const nameOf = (path: string, method: string): string | undefined => paths[path]?.[method]?.operationId;
  expect(nameOf('/api/2.0/mlflow/runs/get', 'get')).toBe('getRun');
  expect(nameOf('/api/2.0/mlflow/experiments/search', 'post')).toBe('searchExperiments');
  expect(nameOf('/api/2.0/mlflow/experiments/search', 'get')).toBe('searchExperiments_get');
  expect(nameOf('/api/2.0/mlflow/artifacts/list', 'get')).toBe('listArtifacts');
  expect(nameOf('/api/2.0/mlflow-artifacts/artifacts', 'get')).toBe(
    'listArtifacts_get_2_0_mlflow_artifacts_artifacts',
  );
});

test('what a path, a query and a body hold is said, and what needs no user', async () => {
  const { paths } = await document();
  const get = paths['/api/2.0/mlflow/experiments/get']?.['get'];
  expect(get?.parameters).toEqual([
    { name: 'experiment_id', in: 'query', required: true, schema: { type: 'string' } },
  ]);
  const tags = paths['/api/2.0/mlflow/logged-models/{model_id}/tags']?.['patch'];
  expect(tags?.parameters).toEqual([
    { name: 'model_id', in: 'path', required: true, schema: { type: 'string' } },
  ]);
  expect(tags?.requestBody).toMatchObject({
    content: { 'application/json': { schema: { properties: { tags: { type: 'array' } } } } },
  });
  // protobuf's: that of JSON Schema's format `duration` is `PT1.5S`.
  const duration = { type: 'string', pattern: String.raw`^(\d{1,12}(?:\.\d{1,9})?)s$` };
  expect(paths['/api/3.0/mlflow/traces']?.['post']?.requestBody).toMatchObject({
    content: {
      'application/json': {
        schema: {
          properties: {
            trace: { properties: { trace_info: { properties: { execution_duration: duration } } } },
          },
        },
      },
    },
  });
  expect(paths['/api/2.0/stockpot/setup']?.['post']?.security).toEqual([]);
  expect(get?.security).toBeUndefined();
});

test('files and streams are said to be what they are', async () => {
  await using rig = AccessRig.create();
  const { paths } = await documentOf(rig.server);
  const file = paths['/api/2.0/mlflow-artifacts/artifacts/{path}'];
  expect(Object.keys(file?.['get']?.responses['200']?.content ?? {})).toEqual(['application/octet-stream']);
  expect(file?.['get']?.responses).toHaveProperty('206');
  expect(Object.keys(file?.['put']?.requestBody?.content ?? {})).toEqual(['application/octet-stream']);
  const events = paths['/api/2.0/stockpot/runs/{run_id}/events']?.['get'];
  expect(Object.keys(events?.responses['200']?.content ?? {})).toEqual(['text/event-stream']);
  expect(events?.parameters?.map((one) => `${one.in} ${one.name}`)).toEqual([
    'path run_id',
    'query after',
    'header last-event-id',
  ]);
  const part = paths['/api/2.0/mlflow-artifacts/mpu/parts/{id}/{number}']?.['put'];
  expect(part?.security).toEqual([]);
  expect(part?.parameters).toContainEqual(
    expect.objectContaining({ in: 'header', name: 'x-stockpot-upload', required: true }),
  );
});
