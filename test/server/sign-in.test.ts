import { describe, expect, test } from 'vitest';
import { AccessRig } from '../rigs/access-rig.ts';
import { Browser } from '../rigs/browser.ts';
import { ProviderRig } from '../rigs/provider-rig.ts';

const PASSWORD = 'correct horse battery';

async function whoami(url: string, browser: Browser): Promise<unknown> {
  const { host } = new URL(url);
  const response = await fetch(`${url}/api/2.0/stockpot/whoami`, {
    headers: { cookie: `stockpot_session=${browser.cookie(host, 'stockpot_session')}` },
  });
  return response.json();
}

describe('a person signs in', () => {
  test('with a password, and is sent on; the session ends when they sign out', async () => {
    await using rig = AccessRig.create();
    await rig.userWithPassword('ann', PASSWORD);
    const url = `http://127.0.0.1:${await rig.server.listen()}`;
    const browser = new Browser();
    const page = await browser.open(`${url}/sign-in?next=/version`);
    expect(page.text).toContain('<form method="post" action="/sign-in">');
    const wrong = await browser.open(`${url}/sign-in`, {
      form: { username: 'ann', password: 'wrong', next: '/version' },
    });
    expect([wrong.status, wrong.text]).toEqual([
      401,
      expect.stringContaining('The user or the password is wrong.'),
    ]);
    const right = await browser.open(`${url}/sign-in`, {
      form: { username: 'ann', password: PASSWORD, next: '/version' },
    });
    expect(right.url).toBe(`${url}/version`);
    expect(await whoami(url, browser)).toMatchObject({ username: 'ann' });
    const session = browser.cookie(new URL(url).host, 'stockpot_session');
    await browser.open(`${url}/sign-out`, { form: {} });
    const old = await fetch(`${url}/api/2.0/stockpot/whoami`, {
      headers: { cookie: `stockpot_session=${session}` },
    });
    expect(old.status).toBe(401);
  });

  test('on a page that runs nothing, whatever stands in its address', async () => {
    await using rig = AccessRig.create();
    const { body, headers } = await rig.inject(
      {},
      {
        method: 'GET',
        url: `/sign-in?next=${encodeURIComponent('/"><script>alert(1)</script>')}`,
      },
    );
    expect(body).not.toContain('<script');
    expect(headers).toMatchObject({
      'content-security-policy': expect.stringMatching(/^default-src 'none'; style-src 'nonce-/),
      'cache-control': 'no-store',
      'x-frame-options': 'DENY',
    });
  });

  test.each(['//evil.example/', 'https://evil.example/', '/\\evil.example', 'x', '\t//evil.example'])(
    'and is not sent on to %j',
    async (next) => {
      await using rig = AccessRig.create();
      await rig.userWithPassword('ann', PASSWORD);
      const { statusCode, headers } = await rig.inject(
        { 'content-type': 'application/x-www-form-urlencoded', origin: 'http://localhost:5000' },
        {
          method: 'POST',
          url: '/sign-in',
          payload: new URLSearchParams({ username: 'ann', password: PASSWORD, next }).toString(),
        },
      );
      expect([statusCode, headers.location]).toEqual([303, '/']);
      expect(headers['set-cookie']).toMatch(
        /^stockpot_session=stp_[\w-]+; Path=\/; HttpOnly; SameSite=Lax; Max-Age=43200$/,
      );
    },
  );

  test('with a token, for what it is good for and no more', async () => {
    await using rig = AccessRig.create();
    const reads = (await rig.user('ann')) && (await rig.token('ann', 'read'));
    const form = async (url: string, fields: Record<string, string>, cookie: string): Promise<unknown> => {
      const { statusCode, headers } = await rig.inject(
        { 'content-type': 'application/x-www-form-urlencoded', origin: 'http://localhost:5000', cookie },
        { method: 'POST', url, payload: new URLSearchParams(fields).toString() },
      );
      return [statusCode, String(headers['set-cookie']).split(';')[0]];
    };
    const [status, session] = (await form('/sign-in', { username: 'ann', password: reads }, '')) as [
      number,
      string,
    ];
    expect(status).toBe(303);
    const made = await rig.inject(
      { cookie: session },
      { method: 'POST', url: '/api/2.0/mlflow/experiments/create', payload: '{"name":"x"}' },
    );
    expect(made.statusCode).toBe(403);
    // Nor does it let a command line in, which would get a token for everything.
    const asked = { port: '8000', challenge: 'c'.repeat(43), state: 's'.repeat(16), where: 'here' };
    for (const cookie of [session, `stockpot_session=${reads}`]) {
      expect(await form('/sign-in/allow', asked, cookie)).toEqual([403, 'undefined']);
      const url = `/sign-in/cli?${new URLSearchParams(asked).toString()}`;
      expect((await rig.inject({ cookie }, { method: 'GET', url })).statusCode).toBe(403);
    }
  });

  test('by a form of this server only', async () => {
    await using rig = AccessRig.create();
    for (const origin of [undefined, 'http://evil.example']) {
      const { statusCode } = await rig.inject(
        {
          'content-type': 'application/x-www-form-urlencoded',
          ...(origin === undefined ? {} : { origin }),
        },
        { method: 'POST', url: '/sign-in', payload: 'username=ann&password=x' },
      );
      expect([origin, statusCode]).toEqual([origin, 403]);
    }
  });
});

describe('an OpenID Connect provider', () => {
  test('says who signs in and in which groups; a name that is taken here is not taken over', async () => {
    let url = '';
    await using provider = await ProviderRig.start(() => `${url}/sign-in/callback`);
    await using rig = AccessRig.create({ provider: provider.options });
    await rig.group('risk', []);
    url = `http://127.0.0.1:${await rig.server.listen()}`;
    const browser = new Browser();
    const asked = await browser.open(`${url}/sign-in/provider?next=/version`);
    expect(asked.url).toMatch(new RegExp(`^${provider.options.issuer}/interaction/`));
    const back = await provider.signIn(browser, asked, 'zoe');
    expect([back.url, back.text]).toEqual([`${url}/version`, '3.17.2']);
    expect(await whoami(url, browser)).toMatchObject({
      username: 'zoe@example.com',
      role: 'member',
      principals: ['user:zoe@example.com', 'everyone', 'group:risk'],
    });

    await rig.user('ann@example.com', 'admin');
    const eve = new Browser();
    const refused = await provider.signIn(eve, await eve.open(`${url}/sign-in/provider`), 'ann');
    expect([refused.status, JSON.parse(refused.text)]).toMatchObject([
      401,
      { message: expect.stringContaining('There is another user ann@example.com here') },
    ]);
  });

  test('is believed once, by the browser that began, and in time', async () => {
    let url = '';
    await using provider = await ProviderRig.start(() => `${url}/sign-in/callback`);
    await using rig = AccessRig.create({ provider: provider.options });
    url = `http://127.0.0.1:${await rig.server.listen()}`;
    const browser = new Browser();
    const asked = await browser.open(`${url}/sign-in/provider`);
    const state = browser.cookie(new URL(url).host, 'stockpot_sign_in') ?? '';
    // Somebody else's browser, with an address that it was given.
    const other = await new Browser().open(`${url}/sign-in/callback?code=x&state=${state}`);
    expect(other.status).toBe(401);
    const forged = await browser.open(`${url}/sign-in/callback?code=forged&state=${state}`);
    expect(forged.status).toBe(401);
    const again = await provider.signIn(browser, asked, 'zoe');
    expect([again.status, JSON.parse(again.text)]).toMatchObject([
      401,
      { message: expect.stringContaining('This sign-in was not begun here') },
    ]);
    expect(browser.cookie(new URL(url).host, 'stockpot_session')).toBeUndefined();
  });

  test('that does not answer is said to, and the rest goes on', async () => {
    await using rig = AccessRig.create({
      provider: {
        issuer: 'http://127.0.0.1:1',
        clientId: 'x',
        clientSecret: undefined,
        nameClaim: 'email',
        groupsClaim: 'groups',
      },
    });
    const { statusCode, body } = await rig.inject({}, { method: 'GET', url: '/sign-in/provider' });
    expect([statusCode, JSON.parse(body)]).toMatchObject([
      401,
      { message: expect.stringContaining('The provider http://127.0.0.1:1 cannot be reached') },
    ]);
    expect((await rig.inject({}, { method: 'GET', url: '/health' })).statusCode).toBe(200);
  });
});
