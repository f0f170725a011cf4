import * as fc from 'fast-check';
import { ROUTES } from '../../src/server/create-server.ts';

/** More levels than what calls itself for each of them gets through. */
const DEEP_JSON = '['.repeat(20_000) + ']'.repeat(20_000);
/** Stands for them as a value: neither `JSON.stringify` nor what shows a failed request gets through. */
const DEEP = 'so deep';

/** What people, broken clients and attackers send. */
const TEXTS: readonly string[] = [
  '',
  ' ',
  '0',
  '1',
  '-1',
  '1e3',
  '1.5',
  '01',
  '9007199254740993',
  '99999999999999999999',
  'NaN',
  '__proto__',
  'constructor',
  'toString',
  '\0',
  'a\0b',
  '\uD800',
  '\u202e',
  'é',
  'e\u0301',
  '💥',
  "'",
  '"',
  '`',
  "'; DROP TABLE runs; --",
  "' OR 1=1",
  '%',
  '_',
  '*',
  '\\',
  '$(x)',
  '{{x}}',
  '..',
  '../..',
  '/etc/passwd',
  '..%2f..%2fetc',
  '%252e%252e',
  'file:///etc/passwd',
  'a/b',
  'a//b',
  './a',
  'http://169.254.169.254/',
  'http:///#/../../etc',
  'mlflow-artifacts:/../x',
  'runs:/x/..',
  'models:/m/1',
  'name LIKE',
  "metrics.a > 'x'",
  'a = 1 OR b = 2',
  '(((',
  "tags.`a` = 'b' AND",
  'metrics.a >',
  'x'.repeat(10_000),
  'eyJvZmZzZXQiOi0xfQ==',
  'bnVsbA==',
  'W10=',
  '!!!',
  'm-00000000000000000000000000000000',
  'stp_',
  'user:ann',
  DEEP_JSON,
];

const VALUES: readonly unknown[] = [
  ...TEXTS,
  DEEP,
  0,
  -0,
  1,
  -1,
  1.5,
  1e308,
  9_007_199_254_740_992,
  null,
  true,
  false,
  [],
  {},
  [[]],
  [null],
  [{}],
  { __proto__: null, key: 'a', value: 'b' },
  { key: 'a', value: 1 },
  { key: 'a', value: 'NaN', timestamp: 1e300, step: 0.5 },
  Array.from({ length: 1001 }, (_, n) => ({ key: `k${n}`, value: 1, timestamp: 1, step: 1 })),
];

const BAD = fc.oneof(
  fc.constantFrom(...VALUES),
  fc.jsonValue(),
  fc.string({ unit: 'binary', maxLength: 40 }),
);

/** What is sent to a server, the address encoded already. */
export interface BadRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array | string | undefined;
}

/** Node refuses heads of more than 16 KiB by itself, without reading them to their end. */
const MAX_PATH = 12_000;

const JSON_TYPE = { 'content-type': 'application/json' };

/** A route of the API with bad values in some of its fields. */
export const API_REQUESTS: fc.Arbitrary<BadRequest> = fc.constantFrom(...ROUTES).chain((route) =>
  fc
    .record({
      fields: fc.record(Object.fromEntries(Object.keys(route.request.fields).map((name) => [name, BAD])), {
        requiredKeys: [],
      }),
      headers: fc.constantFrom<Record<string, string>>(
        {},
        { 'content-type': 'text/html' },
        { 'content-type': 'application/json;charset=utf-16' },
        { 'x-forwarded-host': 'evil.example', 'x-forwarded-user': 'root' },
        { authorization: 'Bearer \u00e9' },
      ),
    })
    .map(({ fields, headers }) => {
      const { method, version, path } = route;
      const at = path.replaceAll(/\{\+?(\w+)\}/g, (_, name: string) => segmentOf(fields[name]));
      const isRead = method === 'GET';
      return {
        method,
        path: `/api/${version}${at}${isRead ? `?${queryOf(fields)}` : ''}`.slice(0, MAX_PATH),
        headers: { ...JSON_TYPE, ...headers },
        body: isRead ? undefined : bodyOf(fields),
      };
    }),
);

/** Any of `routes`, as the router writes them, with bad parts of its address, a bad query, and a body of any kind. */
export function requestsTo(
  routes: readonly { readonly method: string; readonly path: string }[],
): fc.Arbitrary<BadRequest> {
  const headers = fc.record(
    {
      'content-type': fc.constantFrom(
        'application/json',
        'application/x-www-form-urlencoded',
        'application/x-protobuf',
        'multipart/form-data',
        'x',
      ),
      'content-encoding': fc.constantFrom('gzip', 'deflate', 'x'),
      range: fc.constantFrom('bytes=0-', 'bytes=5-1', 'bytes=-', 'bytes=99999999999999999999-', 'x'),
      'if-match': fc.constantFrom('*', '"', 'x'),
      'if-none-match': fc.constantFrom('*', '"x"'),
      'last-event-id': fc.constantFrom('-1', '1e9', 'x'),
      'x-mlflow-experiment-id': fc.constantFrom('0', '-1', 'x', "'", '99999999999999999999'),
      cookie: fc.constantFrom('stockpot_session=', 'stockpot_session=stp_x; stockpot_sign_in=x', ';;=;'),
      origin: fc.constantFrom('http://localhost:5000', 'null', 'x'),
    },
    { requiredKeys: [] },
  );
  const fields = fc.dictionary(fc.constantFrom(...FORM_FIELDS), BAD);
  const body = fc.oneof(
    BAD.map(bodyOf),
    fields.map(bodyOf),
    fields.map(queryOf),
    fc.uint8Array({ maxLength: 200 }),
  );
  return fc
    .record({
      route: fc.constantFrom(...routes),
      parts: fc.array(BAD, { minLength: 4, maxLength: 4 }),
      fields,
      headers,
      body,
    })
    .map(({ route: { method, path }, parts, fields, headers, body }) => {
      let next = 0;
      const at = path.replaceAll(/:\w+|\*/g, () => {
        next += 1;
        return segmentOf(parts[next - 1]);
      });
      const hasBody = method !== 'GET' && method !== 'HEAD';
      return {
        method,
        path: `${at}?${queryOf(fields)}`.slice(0, MAX_PATH),
        headers,
        body: hasBody ? body : undefined,
      };
    });
}

/** What forms and queries beside the API have. */
const FORM_FIELDS = [
  'username',
  'password',
  'next',
  'state',
  'code',
  'port',
  'challenge',
  'where',
  'path',
  'run_id',
  'run_uuid',
  'name',
  'version',
  'start',
  'epoch',
  'seq',
  'limit',
  'after',
  'digests',
  'id',
];

function bodyOf(value: unknown): string {
  return JSON.stringify(value).replaceAll(JSON.stringify(DEEP), DEEP_JSON);
}

function queryOf(fields: Readonly<Record<string, unknown>>): string {
  return new URLSearchParams(
    Object.entries(fields).map(([name, value]): [string, string] => [
      name,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]),
  ).toString();
}

/** What stands in a path is not empty, and is no slash: that would be another route. */
function segmentOf(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value ?? 'x');
  return encodeURIComponent(text.toWellFormed() || 'x');
}
