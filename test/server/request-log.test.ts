import { describe, expect, test } from 'vitest';
import { ROUTES } from '../../src/server/create-server.ts';
import { createLog, type LogLevel } from '../../src/server/log.ts';
import { AccessRig } from '../rigs/access-rig.ts';

type Line = Readonly<Record<string, unknown>>;

/** What stands in the place of every secret. */
const CANARY = 'canary-0123456789';

/** A server that is logged, and its lines so far. */
async function logged(level: LogLevel = 'debug'): Promise<{ rig: AccessRig; lines: string[] }> {
  const lines: string[] = [];
  const log = await createLog(level, (line) => lines.push(line));
  return { rig: AccessRig.create({ log }), lines };
}

function read(lines: readonly string[]): Line[] {
  return lines.map((line) => JSON.parse(line) as Line);
}

describe('the log of a server', () => {
  test('has a line for each request: its route, who asked, what came of it, and an id that the answer has too', async () => {
    const { rig, lines } = await logged();
    await using _rig = rig;
    const ann = await rig.user('ann');
    const answers = [
      await rig.inject(
        { authorization: `Bearer ${ann}` },
        {
          method: 'GET',
          url: '/api/2.0/mlflow/runs/get?run_id=unknown',
        },
      ),
      await rig.inject({}, { method: 'POST', url: '/api/2.0/mlflow/runs/create', payload: '{}' }),
      await rig.inject({}, { method: 'GET', url: '/nowhere' }),
    ];
    const line = { level: 'info', time: expect.any(String), ms: expect.any(Number), msg: 'request' };
    expect(read(lines)).toEqual(
      [
        { method: 'GET', route: '/api/2.0/mlflow/runs/get', status: 404, user: 'ann' },
        { method: 'POST', route: '/api/2.0/mlflow/runs/create', status: 401 },
        { method: 'GET', route: 'none', status: 404 },
      ].map((fields, index) => ({ ...line, ...fields, id: answers[index]?.headers['x-request-id'] })),
    );
    expect(new Set(read(lines).map(({ id }) => id)).size).toBe(3);
  });

  test('leaves out what machines ask all the time, unless everything is wanted', async () => {
    const of = async (level: LogLevel): Promise<unknown[]> => {
      const { rig, lines } = await logged(level);
      await using _rig = rig;
      for (const url of ['/health', '/ready', '/metrics', '/openapi.json'])
        await rig.inject({}, { method: 'GET', url });
      return read(lines).map(({ route }) => route);
    };
    expect(await of('debug')).toEqual(['/health', '/ready', '/metrics', '/openapi.json']);
    expect(await of('info')).toEqual(['/openapi.json']);
    expect(await of('warn')).toEqual([]);
  });

  test('calls an error what the server is to blame for', async () => {
    const { rig, lines } = await logged('error');
    await using _rig = rig;
    await rig.server.database.write((sql) => sql.run('DROP TABLE webhook_events'));
    const root = await rig.user('root', 'admin');
    await rig.post(root, 'webhooks', {
      name: 'h',
      url: 'https://a/',
      events: [{ entity: 'PROMPT', action: 'CREATED' }],
    });
    expect(read(lines)).toMatchObject([{ level: 'error', status: 500, user: 'root' }]);
    expect(rig.server.bugs).toHaveLength(1);
  });
});

describe('no secret stands in the log of a server', () => {
  const form = {
    'content-type': 'application/x-www-form-urlencoded',
    origin: 'http://localhost:5000',
  };

  test.each<
    [string, Readonly<Record<string, string>>, { url: string; method?: 'GET' | 'POST'; payload?: string }]
  >([
    [
      'a token that is wrong',
      { authorization: `Bearer ${CANARY}` },
      { url: '/api/2.0/mlflow/users/current' },
    ],
    ['a scheme that is none', { authorization: CANARY }, { url: '/api/2.0/mlflow/users/current' }],
    [
      'a password that is wrong',
      { authorization: `Basic ${Buffer.from(`ann:${CANARY}`).toString('base64')}` },
      { url: '/api/2.0/mlflow/users/current' },
    ],
    [
      'a password for a name',
      { authorization: `Basic ${Buffer.from(`${CANARY}:x`).toString('base64')}` },
      { url: '/api/2.0/mlflow/users/current' },
    ],
    [
      'a cookie',
      { cookie: `stockpot_session=${CANARY}; other=${CANARY}` },
      { url: '/api/2.0/mlflow/users/current' },
    ],
    ['a token in the query', {}, { url: `/api/2.0/mlflow/runs/get?token=${CANARY}&run_id=${CANARY}` }],
    ['a token in a path that is none', {}, { url: `/nowhere/${CANARY}?access_token=${CANARY}` }],
    ['a token in a path that cannot be read', {}, { url: `/api/%zz/${CANARY}` }],
    ['a path that is too long', {}, { url: `/api/2.0/stockpot/groups/${CANARY.repeat(200)}`, method: 'GET' }],
    ['a token on a probe', {}, { url: `/health?token=${CANARY}` }],
    [
      'headers',
      { referer: `https://a/?t=${CANARY}`, 'user-agent': CANARY, 'x-request-id': CANARY },
      { url: '/health' },
    ],
    ['a host that is not the server’s', { host: CANARY }, { url: '/health' }],
    [
      'a setup token',
      {},
      {
        url: '/api/2.0/stockpot/setup',
        method: 'POST',
        payload: JSON.stringify({ setup_token: CANARY, username: 'a', password: CANARY }),
      },
    ],
    [
      'JSON that breaks off',
      {},
      { url: '/api/2.0/stockpot/setup', method: 'POST', payload: `{"password": "${CANARY}` },
    ],
    [
      'a password on the page',
      form,
      {
        url: '/sign-in',
        method: 'POST',
        payload: `username=ann&password=${CANARY}`,
      },
    ],
    ['an answer of a provider', {}, { url: `/sign-in/callback?code=${CANARY}&state=${CANARY}` }],
    [
      'a code and what proves it',
      {},
      {
        url: '/api/2.0/stockpot/sign-in/token',
        method: 'POST',
        payload: JSON.stringify({ code: CANARY, verifier: CANARY }),
      },
    ],
  ])('as %s', async (_, headers, request) => {
    const { rig, lines } = await logged();
    await using _rig = rig;
    await rig.inject(headers, { method: 'GET', ...request });
    expect(lines).toHaveLength(1);
    expect(lines.join('')).not.toContain(CANARY);
    expect(JSON.stringify(rig.server.bugs)).toBe('[]');
  });

  test('nor a password, a token or a session that is right', async () => {
    const { rig, lines } = await logged();
    await using _rig = rig;
    await rig.userWithPassword('ann', CANARY);
    const token = await rig.token('ann');
    const url = '/api/2.0/mlflow/users/current';
    const { headers } = await rig.inject(form, {
      method: 'POST',
      url: '/sign-in',
      payload: `username=ann&password=${CANARY}`,
    });
    const [cookie = ''] = String(headers['set-cookie']).split(';');
    for (const sent of [
      { authorization: `Basic ${Buffer.from(`ann:${CANARY}`).toString('base64')}` },
      { authorization: `Basic ${Buffer.from(`ann:${token}`).toString('base64')}` },
      { authorization: `Bearer ${token}` },
      { cookie },
    ])
      expect((await rig.inject(sent, { method: 'GET', url })).statusCode).toBe(200);
    expect(read(lines)).toMatchObject([
      { route: '/sign-in', status: 303 },
      ...Array.from({ length: 4 }, () => ({ status: 200, user: 'ann' })),
    ]);
    const [, session = ''] = cookie.split('=');
    expect(session.length).toBeGreaterThan(20);
    for (const secret of [CANARY, token, session]) expect(lines.join('')).not.toContain(secret);
  });

  test('whatever a user who is let in sends, to any route', async () => {
    const { rig, lines } = await logged();
    await using _rig = rig;
    const root = await rig.user('root', 'admin');
    for (const { method, version, path, request } of ROUTES) {
      const at = path.replaceAll(/\{\w+\}/g, CANARY);
      const fields = Object.fromEntries(Object.keys(request.fields).map((field) => [field, CANARY]));
      await rig.ask(root, {
        method,
        path: `${version}${at}`,
        ...(method === 'GET' ? { query: fields } : { body: fields, query: { token: CANARY } }),
      });
    }
    expect(lines.length).toBeGreaterThanOrEqual(ROUTES.length);
    expect(lines.join('')).not.toContain(CANARY);
    expect(lines.join('')).not.toContain(root);
    expect(rig.server.bugs).toEqual([]);
  });
});
