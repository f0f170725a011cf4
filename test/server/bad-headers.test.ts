import { describe, expect, test } from 'vitest';
import type { Database } from '../../src/db/sql.ts';
import { openLedger } from '../../src/ledger/open-ledger.ts';
import { openDatabase } from '../../src/tracking/open-database.ts';
import { AccessRig } from '../rigs/access-rig.ts';
import { onPostgres } from '../rigs/on-postgres.ts';
import { say } from '../rigs/say.ts';
import { SILENT_PROVIDER } from '../rigs/silent-provider.ts';

const GET = 'GET /api/2.0/mlflow/experiments/get?experiment_id=0 HTTP/1.1';
const HOST = 'host: localhost';
/** Stands for the token of an administrator. */
const AUTH = 'authorization: Bearer TOKEN';
const FORM = 'content-type: application/x-www-form-urlencoded';
const SQL = [
  "' OR '1'='1",
  "stp_x'/**/OR/**/1=1--",
  "stp_x';DROP/**/TABLE/**/users;--",
  "stp_x'/**/UNION/**/SELECT/**/1,'root','api','t','admin',0,NULL,NULL--",
];

function basic(text: string): string {
  return `authorization: Basic ${Buffer.from(text).toString('base64')}`;
}

function form(path: string, body: string, ...headers: readonly string[]): string[] {
  const length = `content-length: ${Buffer.byteLength(body)}`;
  return [`POST ${path} HTTP/1.1`, HOST, FORM, 'origin: http://localhost', length, ...headers, '', body];
}

/** Lines of what is sent; an empty one ends the head. */
const CASES: readonly (readonly [string, number, readonly string[]])[] = [
  ['a token', 200, [GET, HOST, AUTH]],
  ['no token', 401, [GET, HOST]],
  ['a token of 1 MB', 431, [GET, HOST, `${AUTH}${'x'.repeat(1_000_000)}`]],
  ['a token of 12 KB', 401, [GET, HOST, `${AUTH}${'x'.repeat(12_000)}`]],
  ['two tokens, the first of them good', 401, [GET, HOST, AUTH, 'authorization: Bearer stp_x']],
  ['two tokens, the second of them good', 401, [GET, HOST, 'authorization: Bearer stp_x', AUTH]],
  ['a token twice', 401, [GET, HOST, AUTH, AUTH]],
  ['a token of other letters', 401, [GET, HOST, 'authorization: Bearer stp_\u00e9\u00ff']],
  ['a password of other letters', 401, [GET, HOST, basic('ann:\u{1f4a5}')]],
  ['a user with a NUL', 401, [GET, HOST, basic('a\0b:a password of hers')]],
  ['a password with a NUL', 401, [GET, HOST, basic('root:a\0 password of his')]],
  ['credentials that are no UTF-8', 401, [GET, HOST, 'authorization: Basic //79/w==']],
  ['a session with SQL', 401, [GET, HOST, "cookie: stockpot_session=stp_x'OR'1'='1"]],
  ...SQL.flatMap((sql): (readonly [string, number, readonly string[]])[] => [
    [`${sql} as a token`, 401, [GET, HOST, `authorization: Bearer ${sql}`]],
    [`${sql} as a user`, 401, [GET, HOST, basic(`${sql}:${sql}`)]],
    [`${sql} as the header itself`, 401, [GET, HOST, `authorization: ${sql}`]],
  ]),
  ['no name of the server', 400, [GET, AUTH]],
  ['no name of the server, as of old', 403, [GET.replace('1.1', '1.0'), AUTH]],
  ['an empty name of the server', 403, [GET, 'host:', AUTH]],
  ['two names of the server, the first its own', 403, [GET, HOST, 'host: evil.example', AUTH]],
  ['two names of the server, the second its own', 403, [GET, 'host: evil.example', HOST, AUTH]],
  [
    'the name of a proxy that nobody trusts',
    403,
    [GET, 'host: evil.example', 'x-forwarded-host: localhost', AUTH],
  ],
  [
    'a picture on a page of another site',
    403,
    [GET, HOST, AUTH, 'sec-fetch-site: cross-site', 'sec-fetch-mode: no-cors'],
  ],
  ['a script of another site', 403, [GET, HOST, AUTH, 'sec-fetch-site: cross-site', 'sec-fetch-mode: cors']],
  [
    'a link on another site',
    200,
    [GET, HOST, AUTH, 'sec-fetch-site: cross-site', 'sec-fetch-mode: navigate', 'sec-fetch-dest: document'],
  ],
  [
    'a frame of another site',
    403,
    [GET, HOST, AUTH, 'sec-fetch-site: cross-site', 'sec-fetch-mode: navigate', 'sec-fetch-dest: iframe'],
  ],
  ['a page of its own', 200, [GET, HOST, AUTH, 'sec-fetch-site: same-origin', 'sec-fetch-mode: cors']],
  ['a header of 64 KB', 431, [GET, HOST, AUTH, `x: ${'x'.repeat(65_536)}`]],
  ['10,000 headers', 431, [GET, HOST, AUTH, ...Array.from({ length: 10_000 }, (_, n) => `x${n}: ${n}`)]],
  ['100,000 parameters', 431, [GET.replace('=0', `=0${'&a=1'.repeat(100_000)}`), HOST, AUTH]],
  ['3,000 parameters', 200, [GET.replace('=0', `=0${'&a=1'.repeat(3000)}`), HOST, AUTH]],
  ['100,000 fields', 413, form('/sign-in', 'a=1&'.repeat(100_000))],
  ['a form with a NUL', 400, form('/sign-in', 'username=a%00b&password=stp_%00')],
  [
    'a state with a NUL',
    401,
    ['GET /sign-in/callback?state=%00&code=%00 HTTP/1.1', HOST, 'cookie: stockpot_sign_in=%00'],
  ],
  [
    'a place to come from with a NUL',
    400,
    form(
      '/sign-in/allow',
      `port=80&challenge=${'c'.repeat(43)}&state=${'s'.repeat(16)}&where=%00`,
      'cookie: stockpot_session=TOKEN',
    ),
  ],
  ['a file with a NUL', 400, ['GET /api/2.0/mlflow-artifacts/artifacts?path=0/%00 HTTP/1.1', HOST, AUTH]],
  ['a run with a NUL', 404, ['GET /api/2.0/stockpot/submissions/%00 HTTP/1.1', HOST, AUTH]],
  ['runs that begin with a NUL', 400, ['GET /api/2.0/stockpot/submissions?start=%00 HTTP/1.1', HOST, AUTH]],
  ['an address of half a letter', 400, ['GET /api/2.0/mlflow/traces/%e9 HTTP/1.1', HOST, AUTH]],
  ['an address that is none', 400, ['GET /%zz HTTP/1.1', HOST, AUTH]],
  ['no request at all', 400, ['\u0000\u0001\u0002']],
  ['a method that nobody knows', 400, ['FETCH /api/2.0/mlflow/runs/get HTTP/1.1', HOST, AUTH]],
  ['a method of others', 404, ['PROPFIND /api/2.0/mlflow/runs/get HTTP/1.1', HOST, AUTH]],
];

async function answers(on?: { database: Database; ledger: Database }): Promise<unknown[]> {
  await using rig = AccessRig.create({ ...on, provider: SILENT_PROVIDER });
  const token = await rig.user('root', 'admin');
  const port = await rig.server.listen();
  const all: unknown[] = [];
  for (const [name, , lines] of CASES) {
    const head = lines.includes('') ? lines : [...lines, '', ''];
    const [first = '', ...rest] = head;
    const text = [first, 'connection: close', ...rest].join('\r\n').replaceAll('TOKEN', token);
    const answer = await say(port, text);
    expect(answer).not.toMatch(/\bat .*\.(?:ts|js):\d/);
    const [, json = ''] =
      /^HTTP\/1\.1 [45][^]*?content-type: application\/json[^]*?\r\n\r\n([^]*)/i.exec(answer) ?? [];
    if (json !== '')
      expect([name, Object.keys(JSON.parse(json) as object)]).toEqual([name, ['error_code', 'message']]);
    all.push([name, Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1])]);
  }
  expect(rig.server.bugs).toEqual([]);
  return all;
}

describe('what somebody says of themselves and of the server is taken as it stands, or refused', () => {
  const expected = CASES.map(([name, status]) => [name, status]);

  test('on SQLite', async () => {
    expect(await answers()).toEqual(expected);
  });

  onPostgres((postgres) => {
    test('on PostgreSQL', async () => {
      const url = await postgres().newDatabase();
      const [database, ledger] = await Promise.all([openDatabase('', url), openLedger('', url)]);
      expect(await answers({ database, ledger })).toEqual(expected);
    });
  });
});
