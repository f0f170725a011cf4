import { describe, expect, test } from 'vitest';
import { INTEGER, type Shapes, TEXT } from '../../src/server/answers/shape.ts';
import { ROUTES } from '../../src/server/create-server.ts';
import { message } from '../../src/server/message.ts';
import { openApi } from '../../src/server/openapi.ts';
import { PUBLIC } from '../../src/server/policy.ts';
import { type Route, route } from '../../src/server/route.ts';
import { problemOf } from '../rigs/described-answers.ts';
import { ServerRig } from '../rigs/server-rig.ts';

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, { readonly properties: Readonly<Record<string, unknown>> }>>;
  };
}

interface Operation {
  readonly operationId: string;
  readonly responses: Readonly<
    Record<string, { readonly content: Readonly<Record<string, { readonly schema: object }>> }>
  >;
}

const DOCUMENT = openApi(ROUTES, [], '0.0.0') as Document;

describe('every call with messages', () => {
  test("says what it answers with, by MLflow's name of that message", () => {
    const operations = Object.values(DOCUMENT.paths).flatMap((methods) => Object.values(methods));
    expect(operations).toHaveLength(ROUTES.length);
    for (const { operationId, responses } of operations) {
      const name = operationId.charAt(0).toUpperCase() + operationId.slice(1).replace(/_.*/, '');
      expect(responses['200']?.content).toEqual({
        'application/json': { schema: { $ref: `#/components/schemas/${name}Response` } },
      });
      expect(DOCUMENT.components.schemas).toHaveProperty(`${name}Response`);
    }
  });

  test('says how it refuses', () => {
    for (const methods of Object.values(DOCUMENT.paths))
      for (const { responses } of Object.values(methods))
        expect(responses['default']?.content['application/json']?.schema).toEqual({
          $ref: '#/components/schemas/Error',
        });
  });
});

test('what several answers hold is described once, and referred to', () => {
  const { schemas } = DOCUMENT.components;
  expect(schemas['GetRunResponse']?.properties).toEqual({ run: { $ref: '#/components/schemas/Run' } });
  expect(schemas['SearchRunsResponse']?.properties).toEqual({
    runs: { type: 'array', items: { $ref: '#/components/schemas/Run' } },
    next_page_token: { type: 'string' },
  });
  // Text in protobuf's JSON; MLflow writes numbers, and so does this server.
  expect(schemas['RunInfo']?.properties).toMatchObject({ start_time: { type: 'integer' } });
});

test('two messages of one name are a bug', () => {
  const answering = (path: string, response: Shapes): Route =>
    route('GET', path, 'getThing', PUBLIC, message({}), response, async () => ({}));
  const alike = [answering('/a', { x: TEXT }), answering('/b', { x: TEXT })];
  expect(openApi(alike, [], '0.0.0')).toHaveProperty('components.schemas.GetThingResponse');
  expect(() => openApi([...alike, answering('/c', { x: INTEGER })], [], '0.0.0')).toThrow(
    'Internal error: two messages are called GetThingResponse',
  );
});

describe('an answer is not as described', () => {
  const answered = (status: number, body: object): string | undefined =>
    problemOf({
      method: 'GET',
      route: '/api/2.0/mlflow/experiments/search',
      status,
      body: JSON.stringify(body),
    });

  test('where it lacks something, has something else, or more', () => {
    expect(answered(200, { experiments: [] })).toBeUndefined();
    expect(answered(200, {})).toContain("must have required property 'experiments'");
    expect(answered(200, { experiments: [], next_page_token: 1 })).toContain(
      '/next_page_token must be string',
    );
    expect(answered(200, { experiments: [], more: 1 })).toContain('must NOT have additional properties');
    expect(answered(200, { experiments: [{ experiment_id: 1 }] })).toContain(
      'the answer/experiments/0/experiment_id must be string',
    );
  });

  test('where it refuses in other words', () => {
    expect(answered(404, { error_code: 'NOT_FOUND', message: 'x' })).toBeUndefined();
    expect(answered(404, { message: 'x' })).toContain("must have required property 'error_code'");
  });

  test('and then the test that asked for it fails', async () => {
    const rig = ServerRig.create();
    rig.app.addHook('preHandler', async (_, reply) =>
      reply.type('application/json').send('{"experiments":[],"more":1}'),
    );
    await rig.get('experiments/search');
    await expect(rig[Symbol.asyncDispose]()).rejects.toThrow(
      'Answers that are not as described:\nGET /api/2.0/mlflow/experiments/search 200: the answer must NOT have additional properties',
    );
  });
});
