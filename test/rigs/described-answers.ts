import { Ajv2020 } from 'ajv/dist/2020.js';
import type { FastifyInstance } from 'fastify';
import { ROUTES } from '../../src/server/create-server.ts';
import { openApi } from '../../src/server/openapi.ts';
import { patternOf } from '../../src/server/route.ts';

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

interface Operation {
  readonly responses: Readonly<
    Record<
      string,
      { readonly content: { readonly 'application/json': { readonly schema: { readonly $ref: string } } } }
    >
  >;
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** What the API is said to be, where nothing is in an answer but what is named. */
const DOCUMENT = JSON.parse(
  JSON.stringify(openApi(ROUTES, [], '0.0.0')).replaceAll('#/components/schemas/', '#/$defs/'),
  (_, value: unknown) => (isOpen(value) ? { ...value, additionalProperties: false } : value),
) as Document;

const AJV = new Ajv2020({ allErrors: true, formats: { 'date-time': TIME } });
AJV.addSchema({ $id: 'api', $defs: DOCUMENT.components.schemas });

/** By method and address, as the router has them. */
const OPERATIONS: ReadonlyMap<string, Operation | undefined> = new Map(
  ROUTES.map(({ method, version, path }) => [
    `${method} /api/${version}${patternOf(path)}`,
    DOCUMENT.paths[`/api/${version}${path.replace('{+', '{')}`]?.[method.toLowerCase()],
  ]),
);

export interface Answered {
  readonly method: string;
  /** As the router has it. */
  readonly route: string;
  readonly status: number;
  readonly body: string;
}

/** What of an answer is not as `GET /openapi.json` has it; undefined if all is, or if it is of no call with messages. */
export function problemOf({ method, route, status, body }: Answered): string | undefined {
  const operation = OPERATIONS.get(`${method} ${route}`);
  if (operation === undefined) return undefined;
  const response = operation.responses[String(status)] ?? operation.responses['default'];
  const validate = AJV.getSchema(`api${response?.content['application/json'].schema.$ref}`);
  if (validate === undefined) return `${method} ${route} has no schema for ${status}`;
  if (validate(JSON.parse(body))) return undefined;
  return `${method} ${route} ${status}: ${AJV.errorsText(validate.errors, { dataVar: 'the answer' })} in ${body.slice(0, 1000)}`;
}

/** Notes each answer of a server that is not as described. */
export function watchAnswers(app: FastifyInstance): readonly string[] {
  const problems: string[] = [];
  app.addHook('onSend', async ({ method, routeOptions: { url = '' } }, { statusCode: status }, body) => {
    const problem = typeof body === 'string' ? problemOf({ method, route: url, status, body }) : undefined;
    if (problem !== undefined) problems.push(problem);
  });
  return problems;
}

function isOpen(value: unknown): value is object {
  return (
    typeof value === 'object' &&
    value !== null &&
    'type' in value &&
    value.type === 'object' &&
    'properties' in value
  );
}
