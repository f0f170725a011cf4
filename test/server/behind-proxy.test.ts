import type { LightMyRequestResponse } from 'fastify';
import { describe, expect, test } from 'vitest';
import { AccessRig, PROXY_ADDRESS } from '../rigs/access-rig.ts';
import { Browser } from '../rigs/browser.ts';
import { ProviderRig } from '../rigs/provider-rig.ts';

const PUBLIC_URL = 'https://mlflow.example.com';
const CALLBACK = `${PUBLIC_URL}/sign-in/callback`;
const PASSWORD = 'correct horse battery';
const FORM = 'application/x-www-form-urlencoded';

/** As a proxy passes it on: from a page of `origin`, to the name that the proxy calls the server by. */
async function signIn(rig: AccessRig, origin: string): Promise<LightMyRequestResponse> {
  return rig.inject(
    { 'content-type': FORM, origin },
    {
      method: 'POST',
      url: '/sign-in',
      payload: new URLSearchParams({ username: 'ann', password: PASSWORD, next: '/' }).toString(),
    },
  );
}

describe('a server that users reach by a proxy', () => {
  test('takes what a page of its public address sends, and of no address beside it', async () => {
    await using rig = AccessRig.create({ publicUrl: PUBLIC_URL });
    await rig.userWithPassword('ann', PASSWORD);
    for (const origin of [
      'http://mlflow.example.com',
      'https://mlflow.example.com:8443',
      'https://mlflow.example.com.evil.example',
      'https://evil.mlflow.example.com',
      'https://example.com',
      'null',
      '',
      'x',
    ])
      expect([origin, (await signIn(rig, origin)).statusCode]).toEqual([origin, 403]);
    expect((await signIn(rig, PUBLIC_URL)).statusCode).toBe(303);
    // Its own name is another way to it, as for a client on its machine.
    expect((await signIn(rig, 'http://localhost:5000')).statusCode).toBe(303);
  });

  test('gives a cookie that goes over TLS only', async () => {
    await using rig = AccessRig.create({ publicUrl: PUBLIC_URL });
    await rig.userWithPassword('ann', PASSWORD);
    const { headers } = await signIn(rig, PUBLIC_URL);
    expect(headers['set-cookie']).toMatch(/; HttpOnly; SameSite=Lax; Max-Age=43200; Secure$/);
  });

  test('sends people to the provider, and has them sent back to its public address', async () => {
    await using provider = await ProviderRig.start(() => CALLBACK);
    await using rig = AccessRig.create({ provider: provider.options, publicUrl: PUBLIC_URL });
    const begun = await rig.inject({}, { method: 'GET', url: '/sign-in/provider?next=/version' });
    const address = String(begun.headers.location);
    expect(new URL(address).searchParams.get('redirect_uri')).toBe(CALLBACK);
    const cookie = String(begun.headers['set-cookie']);
    expect(cookie).toMatch(/^stockpot_sign_in=.*; HttpOnly; SameSite=Lax; Max-Age=600; Secure$/);

    const browser = new Browser();
    const back = await provider.signIn(browser, await browser.open(address), 'zoe', CALLBACK);
    const { pathname, search } = new URL(back.url);
    const done = await rig.inject(
      { cookie: cookie.split(';')[0] ?? '' },
      { method: 'GET', url: `${pathname}${search}` },
    );
    expect([done.statusCode, done.headers.location]).toEqual([303, '/version']);
    const session = String(done.headers['set-cookie']);
    expect(session).toMatch(/; Secure$/);
    const { body } = await rig.inject(
      { cookie: session.split(';')[0] ?? '' },
      { method: 'GET', url: '/api/2.0/stockpot/whoami' },
    );
    expect(JSON.parse(body)).toMatchObject({ username: 'zoe@example.com' });
  });

  test('believes a trusted proxy alone that the way to it was TLS', async () => {
    await using rig = AccessRig.create();
    await rig.userWithPassword('ann', PASSWORD);
    for (const [remoteAddress, isSecure] of [
      [PROXY_ADDRESS, true],
      ['10.0.0.2', false],
    ] as const) {
      const { headers } = await rig.inject(
        { 'content-type': FORM, origin: 'http://localhost:5000', 'x-forwarded-proto': 'https' },
        {
          method: 'POST',
          url: '/sign-in',
          remoteAddress,
          payload: new URLSearchParams({ username: 'ann', password: PASSWORD }).toString(),
        },
      );
      expect(String(headers['set-cookie']).endsWith('; Secure')).toBe(isSecure);
    }
  });

  test('goes by the name in Host, whatever X-Forwarded-Host says, also from a trusted proxy', async () => {
    await using rig = AccessRig.create({ publicUrl: PUBLIC_URL });
    const ask = async (headers: Record<string, string>): Promise<number> =>
      (await rig.inject(headers, { method: 'GET', url: '/sign-in', remoteAddress: PROXY_ADDRESS }))
        .statusCode;
    expect(await ask({ 'x-forwarded-host': 'evil.example' })).toBe(200);
    expect(await ask({ host: 'evil.example', 'x-forwarded-host': 'localhost' })).toBe(403);
  });
});
