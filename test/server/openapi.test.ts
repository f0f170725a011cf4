import { Validator } from '@seriousme/openapi-schema-validator';
import { expect, test } from 'vitest';
import { ROUTES } from '../../src/server/create-server.ts';
import { ServerRig } from '../rigs/server-rig.ts';

interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly required: boolean }[];
  readonly requestBody?: object;
  readonly security?: readonly object[];
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

async function document(): Promise<Document> {
  await using rig = ServerRig.create();
  const { body } = await rig.app.inject({
    method: 'GET',
    url: '/openapi.json',
    headers: { host: 'localhost' },
  });
  return JSON.parse(body) as Document;
}

test('the API describes itself as OpenAPI 3.1, each call by a name of its own', async () => {
  const served = await document();
  expect(await new Validator().validate(served as object as Record<string, unknown>)).toEqual({
    valid: true,
  });
  const operations = Object.values(served.paths).flatMap((path) => Object.values(path));
  expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(ROUTES.length);
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
  expect(paths['/api/2.0/stockpot/setup']?.['post']?.security).toEqual([]);
  expect(get?.security).toBeUndefined();
});
