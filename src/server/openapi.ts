import { schemaOf } from './message.ts';
import { namesIn, type Route } from './route.ts';

const ERROR = {
  type: 'object',
  required: ['error_code', 'message'],
  properties: { error_code: { type: 'string' }, message: { type: 'string' } },
};

/** What the API takes, as OpenAPI 3.1: from the declarations that read the requests. */
export function openApi(routes: readonly Route[], version: string): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const path = `/api/${route.version}${route.path.replace('{+', '{')}`;
    paths[path] ??= {};
    paths[path][route.method.toLowerCase()] = operationOf(route);
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
      schemas: { Error: ERROR },
    },
  };
}

function operationOf({ method, path, version, rpc, policy, request: { fields } }: Route): object {
  const inPath = namesIn(path);
  const others = Object.fromEntries(Object.entries(fields).filter(([name]) => !inPath.includes(name)));
  const parameters = [
    ...inPath.map((name) => ({
      name,
      in: 'path',
      required: true,
      schema: fields[name]?.schema ?? { type: 'string' },
    })),
    ...(method === 'GET'
      ? Object.entries(others).map(([name, { schema, isRequired }]) => ({
          name,
          in: 'query',
          required: isRequired,
          schema,
        }))
      : []),
  ];
  const body = { content: { 'application/json': { schema: schemaOf(others) } } };
  return {
    // The same call by another method or in another version has a name of its own.
    operationId: `${rpc}_${method.toLowerCase()}_${version.replace('.', '_')}_${path
      .split('/')
      .filter((part) => /^\w/.test(part))
      .join('_')
      .replaceAll('-', '_')}`,
    tags: [path.split('/')[2] ?? ''],
    ...(policy.kind === 'public' ? { security: [] } : {}),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(method === 'GET' || Object.keys(others).length === 0 ? {} : { requestBody: body }),
    responses: {
      '200': { description: 'Done', content: { 'application/json': { schema: { type: 'object' } } } },
      default: {
        description: 'Refused',
        content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
      },
    },
  };
}
