import { request } from 'node:http';
import { describe, expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';
import { freePort } from '../rigs/free-port.ts';
import { ServerProcess } from '../rigs/server-process.ts';

/** As a proxy on this machine passes a request on that came for `host`. */
async function statusFor(port: number, host: string): Promise<number | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
  const url = `http://127.0.0.1:${port}/api/2.0/mlflow/experiments/get?experiment_id=0`;
  request(url, { headers: { host } }, (response) => {
    response.resume();
    resolve(response.statusCode);
  })
    .on('error', reject)
    .end();
  return promise;
}

describe('a server on 127.0.0.1', () => {
  test.each<{ flags: string[]; host: string }>([
    { flags: ['--public-url', 'https://mlflow.example.com'], host: 'mlflow.example.com' },
    { flags: ['--allowed-hosts', 'localhost,mlflow.example.com'], host: 'mlflow.example.com' },
    { flags: ['--public-url', 'http://10.0.0.7:5000'], host: '10.0.0.7:5000' },
    { flags: ['--public-url', 'http://[fd00::7]'], host: '[fd00::7]' },
    { flags: ['--trusted-proxy', '10.0.0.7'], host: '127.0.0.1' },
  ])('that others reach by $flags knows nobody who has not signed in', async ({ flags, host }) => {
    await using rig = await CliRig.create();
    const port = await freePort();
    await using server = await ServerProcess.start(rig, '--port', String(port), ...flags);
    expect([server.started['auth'], await statusFor(port, host)]).toEqual(['on', 401]);
    // Whom a proxy names is never the first administrator by that alone.
    const isNamed = flags.includes('--trusted-proxy');
    expect(server.started['setup_token']).toEqual(isNamed ? undefined : expect.stringMatching(/^stp_/));
  });

  test.each<{ flags: string[]; host: string }>([
    { flags: [], host: 'localhost' },
    { flags: ['--public-url', 'http://localhost:8080'], host: 'localhost:8080' },
    { flags: ['--public-url', 'http://[::1]:8080', '--allowed-hosts', '127.0.0.1,[::1]'], host: '[::1]' },
    { flags: ['--auth', 'off'], host: '127.0.0.1' },
  ])('that only this machine reaches, by $flags, asks nobody', async ({ flags, host }) => {
    await using rig = await CliRig.create();
    const port = await freePort();
    await using server = await ServerProcess.start(rig, '--port', String(port), ...flags);
    expect([server.started['auth'], await statusFor(port, host)]).toEqual(['off', 200]);
  });

  test.each<{ flags: string[]; said: string }>([
    { flags: ['--public-url', 'https://mlflow.example.com'], said: 'not mlflow.example.com' },
    { flags: ['--allowed-hosts', 'mlflow.example.com'], said: 'not mlflow.example.com' },
    { flags: ['--trusted-proxy', '127.0.0.1'], said: 'say who asks' },
    {
      flags: ['--oidc-issuer', 'https://login.example.com', '--oidc-client-id', 'x'],
      said: 'say who asks',
    },
  ])('refuses to ask nobody with $flags', async ({ flags, said }) => {
    await using rig = await CliRig.create();
    const { exit, err } = await rig.recipe('server', '--port', '0', '--auth', 'off', ...flags);
    expect([exit, err.split('\n')[0]]).toEqual([2, expect.stringContaining(said)]);
  });
});

describe('as soon as there is a user', () => {
  const statusOf = async (url: string, token?: string): Promise<number> => {
    const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
    return (await fetch(`${url}/api/2.0/mlflow/experiments/get?experiment_id=0`, { headers })).status;
  };

  test('whom another process made, a server that knew everybody knows nobody else', async () => {
    await using rig = await CliRig.create();
    await using server = await ServerProcess.start(rig);
    expect(await statusOf(server.url)).toBe(200);
    await rig.recipe('server', 'user', 'add', 'ann', '--role', 'admin');
    expect(await statusOf(server.url)).toBe(401);
    const { out } = await rig.recipe('server', 'token', 'add', 'ann');
    expect(await statusOf(server.url, out.trim())).toBe(200);
    expect((await fetch(`${server.url}/sign-in`)).status).toBe(200);
  });

  test('whom a request made, neither does the next request, nor when that user is gone', async () => {
    await using rig = await CliRig.create();
    await using server = await ServerProcess.start(rig);
    await server.api('users/create', { username: 'bob', password: 'correct horse battery' });
    expect(await statusOf(server.url)).toBe(401);
    await rig.recipe('server', 'user', 'delete', 'bob');
    expect(await statusOf(server.url)).toBe(401);
  });
});
