import { isDeepStrictEqual } from 'node:util';
import type { FastifyInstance } from 'fastify';
import { part, type Shape } from './answers/shape.ts';
import { DESCRIBED_ROUTES } from './described-routes.ts';
import { type Field, schemaOf } from './message.ts';
import type { Operation } from './operation.ts';
import type { Policy } from './policy.ts';
import { namesIn, type Route } from './route.ts';

const ERROR = {
  type: 'object',
  required: ['error_code', 'message'],
  properties: { error_code: { type: 'string' }, message: { type: 'string' } },
};

const REFUSED = {
  description: 'Refused',
  content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
};

/** A route of a server that `DESCRIBED_ROUTES` describes. */
interface Offered {
  readonly method: string;
  readonly url: string;
  readonly policy: Policy<never>;
  readonly operation: Operation;
}

/** Notes what a server serves beside its calls with messages; before its routes are declared. */
export function noteOffered(app: FastifyInstance): readonly Offered[] {
  const offered: Offered[] = [];
  app.addHook('onRoute', ({ method, url, config }) => {
    for (const one of [method].flat()) {
      const operation = DESCRIBED_ROUTES[`${one} ${url}`];
      if (operation !== undefined && config?.policy !== undefined)
        offered.push({ method: one, url, policy: config.policy, operation });
    }
  });
  return offered;
}

/** What the API takes and gives, as OpenAPI 3.1: from the declarations of its routes. */
export function openApi(routes: readonly Route[], offered: readonly Offered[], version: string): object {
  const paths: Record<string, Record<string, object>> = {};
  /** By the names that are taken. */
  const methods = new Map<string, string>();
  const schemas: Record<string, object> = { Error: ERROR };
  for (const route of routes) {
    const name = nameOf(route, methods);
    methods.set(name, route.method);
    const path = `/api/${route.version}${route.path.replace('{+', '{')}`;
    paths[path] ??= {};
    const response = responseOf(route);
    paths[path][route.method.toLowerCase()] = operationOf(name, route, response);
    collect(schemas, response);
  }
  for (const one of offered) {
    const path = one.url.replace(/\*$/, '{path}').replaceAll(/:(\w+)/g, '{$1}');
    paths[path] ??= {};
    paths[path][one.method.toLowerCase()] = operationOfOffered(path, one);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Stockpot',
      version,
      description: "MLflow's tracking and registry API, and Stockpot's own below /stockpot.",
    },
    servers: [{ url: '/' }],
    security: [{ token: [] }, { password: [] }],
    paths,
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer' },
        password: { type: 'http', scheme: 'basic' },
      },
      schemas,
    },
  };
}

/** MLflow's name of the call; another one for the same call by another method, in another version or at another address. */
function nameOf({ method, path, version, rpc }: Route, methods: ReadonlyMap<string, string>): string {
  const taken = methods.get(rpc);
  if (taken === undefined) return rpc;
  const byMethod = `${rpc}_${method.toLowerCase()}`;
  if (taken !== method && !methods.has(byMethod)) return byMethod;
  const words = path.split('/').filter((part) => /^\w/.test(part));
  return `${byMethod}_${version.replace('.', '_')}_${words.join('_').replaceAll('-', '_')}`;
}

/** `GetRunResponse`: where MLflow says `GetRun.Response`. */
function responseOf({ rpc, response }: Route): Shape {
  return part(`${rpc.charAt(0).toUpperCase()}${rpc.slice(1)}Response`, response);
}

/** Adds the messages of an answer to those that the description has. */
function collect(schemas: Record<string, object>, { messages }: Shape): void {
  for (const [name, schema] of Object.entries(messages)) {
    if (schemas[name] !== undefined && !isDeepStrictEqual(schemas[name], schema))
      throw new Error(`Internal error: two messages are called ${name}`);
    schemas[name] = schema;
  }
}

function operationOf(
  name: string,
  { method, path, policy, request: { fields } }: Route,
  response: Shape,
): object {
  const inPath = namesIn(path);
  const others = Object.fromEntries(Object.entries(fields).filter(([name]) => !inPath.includes(name)));
  const parameters = [
    ...inPath.map((name) => ({
      name,
      in: 'path',
      required: true,
      schema: fields[name]?.schema ?? { type: 'string' },
    })),
    ...(method === 'GET' ? parametersOf('query', others) : []),
  ];
  const body = { content: { 'application/json': { schema: schemaOf(others) } } };
  return {
    operationId: name,
    tags: [path.split('/')[2] ?? ''],
    ...(policy.kind === 'public' ? { security: [] } : {}),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(method === 'GET' || Object.keys(others).length === 0 ? {} : { requestBody: body }),
    responses: {
      '200': { description: 'Done', content: { 'application/json': { schema: response.schema } } },
      default: REFUSED,
    },
  };
}

function operationOfOffered(at: string, { policy, operation }: Offered): object {
  const { name, tag, summary, path = {}, query = {}, headers = {}, body, answers } = operation;
  const inPath = namesIn(at);
  const others = Object.fromEntries(Object.entries(query).filter(([name]) => !inPath.includes(name)));
  const parameters = [
    ...inPath.map((name) => ({
      name,
      in: 'path',
      required: true,
      schema: path[name] ?? { type: 'string' },
    })),
    ...parametersOf('query', others),
    ...parametersOf('header', headers),
  ];
  return {
    operationId: name,
    summary,
    tags: [tag],
    ...(policy.kind === 'public' ? { security: [] } : {}),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: { required: true, content: body } }),
    responses: { ...answers, default: REFUSED },
  };
}

function parametersOf(where: 'query' | 'header', fields: Readonly<Record<string, Field<unknown>>>): object[] {
  return Object.entries(fields).map(([name, { schema, isRequired }]) => ({
    name,
    in: where,
    required: isRequired,
    schema,
  }));
}
