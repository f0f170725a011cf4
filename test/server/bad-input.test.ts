import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ROUTES } from '../../src/server/create-server.ts';
import { HOST, ServerRig } from '../rigs/server-rig.ts';

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
];

const VALUES: readonly unknown[] = [
  ...TEXTS,
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

/** A route with bad values in some of its fields; those that it must have are mostly there. */
const REQUEST = fc.constantFrom(...ROUTES).chain((route) =>
  fc.record({
    index: fc.constant(ROUTES.indexOf(route)),
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
  }),
);

describe('whatever is sent', () => {
  test('is answered, and is no fault of the server', async () => {
    await using rig = ServerRig.create();
    await rig.run({ run_name: 'there' });
    await fc.assert(
      fc.asyncProperty(REQUEST, async ({ index, fields, headers }) => {
        const { method = 'GET', version, path = '' } = ROUTES[index] ?? {};
        const at = path.replaceAll(/\{\+?(\w+)\}/g, (_, name: string) => segmentOf(fields[name]));
        const sent = { ...HOST, 'content-type': 'application/json', ...headers };
        const query = new URLSearchParams(
          Object.entries(fields).map(([name, value]): [string, string] => [
            name,
            typeof value === 'string' ? value : JSON.stringify(value),
          ]),
        );
        const { statusCode, body } = await rig.app.inject({
          method,
          url: `/api/${version}${at}${method === 'GET' ? `?${query.toString()}` : ''}`,
          headers: sent,
          ...(method === 'GET' ? {} : { payload: JSON.stringify(fields) }),
        });
        expect([rig.bugs.map(({ stack }) => stack), statusCode < 500]).toEqual([[], true]);
        const answer = JSON.parse(body) as Record<string, unknown>;
        if (statusCode !== 200) expect(Object.keys(answer)).toEqual(['error_code', 'message']);
      }),
      { numRuns: 1500 },
    );
    expect(Object.keys(Object.prototype)).toEqual([]);
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

/** What stands in a path is not empty, and is no slash: that would be another route. */
function segmentOf(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value ?? 'x');
  return encodeURIComponent(text.toWellFormed() || 'x');
}
