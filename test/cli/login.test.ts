import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, test } from 'vitest';
import { Browser } from '../rigs/browser.ts';
import { CliRig } from '../rigs/cli-rig.ts';
import { ServerProcess } from '../rigs/server-process.ts';

const PASSWORD = 'correct horse battery';

async function statusOf(server: ServerProcess, token: string | undefined): Promise<number> {
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const { status } = await fetch(`${server.url}/api/2.0/mlflow/experiments/get?experiment_id=0`, { headers });
  return status;
}

describe('recipe login', () => {
  test('makes the first administrator by the setup token, and a token for others by a browser', async () => {
    await using rig = await CliRig.create();
    await using server = await ServerProcess.start(rig, '--auth', 'on');
    expect(await statusOf(server, undefined)).toBe(401);
    const setup = String(server.started['setup_token']);
    const asked = ['login', server.url, '--setup', setup, '--user', 'ann', '--password', '--json'];
    const first = await rig.fed(`${PASSWORD}\n`, ...asked);
    expect([first.exit, JSON.parse(first.out)]).toEqual([0, { url: server.url, username: 'ann' }]);
    const file = join(rig.dir, '.config/stockpot/credentials.json');
    const kept = (): Record<string, { token: string; username: string }> =>
      JSON.parse(readFileSync(file, 'utf8')) as ReturnType<typeof kept>;
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const before = kept()[server.url]?.token;
    expect(await statusOf(server, before)).toBe(200);
    expect((await rig.recipe('login', server.url, '--setup', setup)).exit).toBe(2);

    const login = rig.start('login', server.url, '--no-browser');
    let address = '';
    for await (const line of createInterface({ input: login.stderr }))
      if (line.includes('/sign-in/cli')) {
        address = line.trim();
        break;
      }
    const browser = new Browser();
    const page = await browser.open(address);
    expect(page.text).toContain('action="/sign-in"');
    const next = `${new URL(address).pathname}${new URL(address).search}`;
    const form = { username: 'ann', password: PASSWORD, next };
    const allow = await browser.open(`${server.url}/sign-in`, { form });
    expect(allow.text).toContain('asks for a token to act as you');
    const fields = Object.fromEntries(
      Array.from(allow.text.matchAll(/name="(\w+)" value="([^"]*)"/g), ([, name = '', value = '']) => [
        name,
        value,
      ]),
    );
    const told = await browser.open(`${server.url}/sign-in/allow`, { form: fields });
    expect(told.text).toContain('You are signed in');
    const { exitCode, stdout } = await login;
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining(`You are ann at ${server.url}`)]);
    const { token = '' } = kept()[server.url] ?? {};
    expect(token).not.toBe(before);
    expect(await statusOf(server, token)).toBe(200);

    const out = await rig.recipe('logout', server.url);
    expect([out.exit, kept()]).toEqual([0, {}]);
    expect(await statusOf(server, token)).toBe(401);
    expect(await statusOf(server, before)).toBe(200);
  });

  test('says what is wrong', async () => {
    await using rig = await CliRig.create();
    const failed = async (...args: string[]): Promise<unknown> => {
      const { exit, err } = await rig.fed('stp_none\n', 'login', ...args, '--json');
      const last = err.trim().split('\n').at(-1) ?? '';
      return [exit, (JSON.parse(last) as { code: string }).code];
    };
    expect(await failed('mlflow.example.com')).toEqual([2, 'USAGE']);
    expect(await failed('http://127.0.0.1:1')).toEqual([69, 'SERVER_UNREACHABLE']);
    await using server = await ServerProcess.start(rig, '--auth', 'on');
    expect(await failed(server.url, '--token')).toEqual([2, 'SERVER_REFUSED']);
    expect(await failed(server.url, '--setup', 'stp_wrong')).toEqual([2, 'SERVER_REFUSED']);
  });
});

test('the address that a server prints is one that it goes by, where it listens on all', async () => {
  await using rig = await CliRig.create();
  await using server = await ServerProcess.start(rig, '--host', '0.0.0.0');
  const { status } = await fetch(`${server.url}/api/2.0/stockpot/whoami`);
  expect([server.started['auth'], status]).toEqual(['on', 401]);
});

describe('recipe server user, group, grant and token', () => {
  test('say who may do what, while the server runs', async () => {
    await using rig = await CliRig.create();
    await using server = await ServerProcess.start(rig, '--auth', 'on');
    const done = async (...args: string[]): Promise<string> => {
      const { exit, out, err } = await rig.recipe('server', ...args);
      expect([args, exit, err]).toEqual([args, 0, expect.anything()]);
      return out.trim();
    };
    await done('user', 'add', 'root', '--role', 'admin');
    await done('user', 'add', 'bob');
    await done('group', 'add', 'risk');
    await done('group', 'add', 'risk', 'bob');
    const token = await done('token', 'add', 'bob', '--scope', 'write');
    const read = async (): Promise<number> => {
      const url = `${server.url}/api/2.0/mlflow/experiments/get?experiment_id=1`;
      return (await fetch(url, { headers: { authorization: `Bearer ${token}` } })).status;
    };
    const root = await done('token', 'add', 'root');
    await fetch(`${server.url}/api/2.0/mlflow/experiments/create`, {
      method: 'POST',
      headers: { authorization: `Bearer ${root}`, 'content-type': 'application/json' },
      body: '{"name":"churn"}',
    });
    expect(await read()).toBe(403);
    await done('grant', 'READ', 'experiment:churn', 'group:risk');
    expect(await read()).toBe(200);
    expect(await done('grants', 'experiment:churn')).toBe(
      'who         permission\ngroup:risk  READ\nuser:root   MANAGE',
    );
    await done('revoke', 'experiment:churn', 'group:risk');
    expect(await read()).toBe(403);
    const tokens = JSON.parse(await done('token', 'list', 'bob', '--json')) as { id: number }[];
    await done('token', 'revoke', String(tokens[0]?.id));
    expect(await read()).toBe(401);
    expect(await done('user', 'list')).toBe('user  role    password\nbob   member  no\nroot  admin   no');
  });

  test('that is not said to its end says what there is', async () => {
    await using rig = await CliRig.create();
    const { exit, err } = await rig.recipe('server', 'token');
    expect([exit, err.split('\n')[0]]).toEqual([
      2,
      'error: Say which: server token add, server token list, server token revoke [USAGE]',
    ]);
  });

  test.each([
    [['grant', 'WRITE', 'experiment:0', 'everyone'], 'USAGE'],
    [['grant', 'READ', 'experiment:none', 'everyone'], 'ACCESS_REFUSED'],
    [['grant', 'READ', 'file:0', 'everyone'], 'ACCESS_REFUSED'],
    [['grant', 'READ', 'experiment:0', 'user:nobody'], 'ACCESS_REFUSED'],
    [['user', 'add', 'a/b'], 'ACCESS_REFUSED'],
    [['user', 'add', 'ann', '--role', 'boss'], 'USAGE'],
    [['user', 'set', 'nobody', '--role', 'admin'], 'ACCESS_REFUSED'],
    [['token', 'add', 'nobody'], 'ACCESS_REFUSED'],
    [['token', 'revoke', 'x'], 'USAGE'],
  ])('refuse %j', async (args, code) => {
    await using rig = await CliRig.create();
    const { exit, err } = await rig.recipe('server', ...args, '--json');
    expect([exit, JSON.parse(err)]).toMatchObject([2, { code }]);
  });
});
