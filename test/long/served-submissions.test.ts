import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../src/store/hash.ts';
import { shardPath } from '../../src/store/layout.ts';
import { CliRig, type Outcome, outcomesOf } from '../rigs/cli-rig.ts';
import { damageFile } from '../rigs/damage.ts';
import { DriverProcess } from '../rigs/driver-process.ts';
import { inProcessWith } from '../rigs/in-process.ts';
import { onPostgres } from '../rigs/on-postgres.ts';
import { ServerProcess } from '../rigs/server-process.ts';

const FILES = {
  'recipes/main/recipe.yaml': `steps:
  make: { run: [sh, -c, 'cat "$IN_d" > "$OUT_rows"'], inputs: { d: ./d.txt }, outputs: { rows: rows.txt } }
  say: { run: [sh, -c, 'tee "$OUT_copy" < "$IN_rows"'], inputs: { rows: make.rows }, outputs: { copy: copy.txt } }
`,
  'd.txt': 'hello\n',
};

/** A terminal that knows the server, and nothing of its database. */
async function terminal(server: ServerProcess, token?: string): Promise<CliRig> {
  const rig = await CliRig.create({
    ...FILES,
    'profiles/local.yaml': `cache: { remote: "${server.url}", accept: any }\n`,
  });
  Object.assign(rig.env, {
    STOCKPOT_SERVER_URL: server.url,
    ...(token === undefined ? {} : { STOCKPOT_TOKEN: token, STOCKPOT_REMOTE_TOKEN: token }),
  });
  return rig;
}

async function here({ dir, env }: CliRig, ...args: string[]): Promise<Outcome> {
  return inProcessWith({ dir, env }, ...args);
}

async function submitted(rig: CliRig): Promise<string> {
  const { out, err } = await here(rig, 'run', '--submit', '--json');
  if (out === '') throw new Error(err);
  return (JSON.parse(out) as { run: string }).run;
}

describe('a server that takes runs', () => {
  test('drives what a terminal submits, and tells it how it goes', async () => {
    await using home = await CliRig.create();
    await using server = await ServerProcess.start(home, '--drive', '2');
    await using rig = await terminal(server);
    const id = await submitted(rig);
    const followed = await here(rig, 'attach', id, '--json');
    expect(followed.exit).toBe(0);
    expect(outcomesOf(followed.out)).toEqual({ make: 'succeeded', say: 'succeeded' });
    expect(followed.out).toContain('hello');
    // What it made is there for the terminal too.
    expect(await rig.run()).toEqual({ make: 'cached', say: 'cached' });
    expect((await here(home, 'runs', 'list')).out).toContain(id);
    const again = await here(rig, 'retry', id, '--json');
    const retried = await here(rig, 'attach', (JSON.parse(again.out) as { run: string }).run, '--json');
    expect(outcomesOf(retried.out)).toEqual({ make: 'cached', say: 'cached' });
  });

  test('and whose own store has damaged what a run needs is sent that again by who follows it', async () => {
    await using home = await CliRig.create();
    await using server = await ServerProcess.start(home, '--submissions');
    await using rig = await terminal(server);
    const id = await submitted(rig);
    damageFile(shardPath(join(home.dir, '.stockpot/cache/cas'), digestOf('hello\n')), 'flip');
    await using driver = await DriverProcess.start(home);
    await driver.said('waiting');
    const { exit, out, err } = await here(rig, 'attach', id, '--json');
    expect([exit, outcomesOf(out)]).toEqual([0, { make: 'succeeded', say: 'succeeded' }]);
    expect(err).toContain('SNAPSHOT_LOST');
    expect(err).toContain('and is there again');
  });

  test('a run is its submitter’s and the administrators’, and a viewer submits none', async () => {
    await using home = await CliRig.create();
    const token = async (name: string, role: string): Promise<string> => {
      await here(home, 'server', 'user', 'add', name, '--role', role);
      return (await here(home, 'server', 'token', 'add', name)).out.trim();
    };
    const [ann, bob, vic, root] = [
      await token('ann', 'member'),
      await token('bob', 'member'),
      await token('vic', 'viewer'),
      await token('root', 'admin'),
    ];
    await using server = await ServerProcess.start(home, '--submissions');
    const ask = async (
      who: string | undefined,
      method: string,
      path: string,
      body?: object,
    ): Promise<number> => {
      const { status } = await fetch(`${server.url}/api/2.0/stockpot/submissions${path}`, {
        method,
        headers: {
          'content-type': 'application/json',
          ...(who === undefined ? {} : { authorization: `Bearer ${who}` }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return status;
    };
    await using rig = await terminal(server, ann);
    const id = await submitted(rig);
    const offer = {
      id: 'x',
      projectDir: '/p',
      settings: { file: 'recipe.yaml', recipe: 'r', set: [], selection: {}, at: 1 },
      snapshot: 'a'.repeat(64),
    };
    const all = async (who: string | undefined): Promise<number[]> => [
      await ask(who, 'GET', `/${id}`),
      await ask(who, 'GET', `/${id}/events`),
      await ask(who, 'POST', '', {
        ...offer,
        id: `x-${String(who)
          .slice(-4)
          .replaceAll(/[^a-z]/gi, '0')}`,
      }),
      await ask(who, 'POST', `/${id}/cancel`, {}),
    ];
    expect(await all(undefined)).toEqual([401, 401, 401, 401]);
    expect(await all(vic)).toEqual([404, 404, 403, 403]);
    expect(await all(bob)).toEqual([404, 404, 200, 404]);
    expect(await all(root)).toEqual([200, 200, 200, 200]);
    expect(await all(ann)).toEqual([200, 200, 200, 200]);
    // Those of others, which are newer, do not hide it.
    const prefix = id.slice(0, 8);
    for (const n of [1, 2, 3])
      expect(await ask(bob, 'POST', '', { ...offer, id: `${prefix}-${n}` })).toBe(200);
    const found = await fetch(`${server.url}/api/2.0/stockpot/submissions?start=${prefix}`, {
      headers: { authorization: `Bearer ${ann}` },
    });
    expect(await found.json()).toMatchObject({ submissions: [{ id }] });
    expect((await here(rig, 'attach', id)).err).toContain(`${id} is cancelled`);
  });

  test.each<[string, object]>([
    ['no id', { id: undefined }],
    ['an id that is a path', { id: '../x' }],
    ['no digest', { snapshot: 'x' }],
    ['a folder that leads up', { projectDir: '/a/..' }],
    ['a folder that is none', { projectDir: 'a' }],
    ['a recipe elsewhere', { settings: { file: '../r.yaml', recipe: 'r', at: 1 } }],
    ['a recipe at the root', { settings: { file: '/etc/r.yaml', recipe: 'r', at: 1 } }],
    ['steps that are no names', { settings: { file: 'r.yaml', recipe: 'r', at: 1, force: [1] } }],
    ['no settings', { settings: undefined }],
  ])('refuses %s', async (_, wrong) => {
    const { readOffer } = await import('../../src/server/read-offer.ts');
    const offer = {
      id: 'x',
      projectDir: '/p',
      settings: { file: 'recipe.yaml', recipe: 'r', at: 1 },
      snapshot: 'a'.repeat(64),
    };
    expect(readOffer(offer)).toMatchObject(offer);
    expect(() => readOffer({ ...offer, ...wrong })).toThrow(/INVALID|Invalid|Missing|must/);
  });

  test('without --submissions there is no such place', async () => {
    await using home = await CliRig.create();
    await using server = await ServerProcess.start(home);
    await using rig = await terminal(server);
    const { exit, err } = await here(rig, 'run', '--submit');
    expect(exit).toBe(2);
    expect(err).toContain('recipe server --submissions');
  });

  test.each(['ftp://server', 'server'])('%s is no address of one', async (url) => {
    await using rig = await CliRig.create(FILES);
    rig.env['STOCKPOT_SERVER_URL'] = url;
    const { exit, err } = await here(rig, 'attach');
    expect({ exit, err }).toEqual({ exit: 2, err: expect.stringContaining('STOCKPOT_SERVER_URL') });
  });
});

onPostgres((postgres) => {
  test('a driver elsewhere takes what it finds in its cache, by whatever name it knows the server', async () => {
    await using home = await CliRig.create();
    await using server = await ServerProcess.start(home, '--submissions', '--database', postgres().url);
    await using rig = await terminal(server);
    const id = await submitted(rig);
    await using machine = await CliRig.create();
    Object.assign(machine.env, {
      STOCKPOT_DATABASE_URL: postgres().url,
      STOCKPOT_REMOTE: server.url.replace('127.0.0.1', 'localhost'),
      STOCKPOT_ACCEPT: 'any',
    });
    const { out } = await here(machine, 'worker', '--drive', '1', '--once', '--json');
    expect(out).toContain(`"run":"${id}"`);
    const followed = await here(rig, 'attach', id, '--json');
    expect(outcomesOf(followed.out)).toEqual({ make: 'succeeded', say: 'succeeded' });
  });
});
