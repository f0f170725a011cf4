import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Digest, fingerprint } from '../../src/core/ids.ts';
import { PostgresDatabase } from '../../src/db/postgres-database.ts';
import type { Database } from '../../src/db/sql.ts';
import { FlightRecords } from '../../src/store/flight-records.ts';
import { collectGarbage } from '../../src/store/gc.ts';
import { digestOf } from '../../src/store/hash.ts';
import { markNamedBlobs } from '../../src/store/mark-named-blobs.ts';
import { HttpRemote } from '../../src/store/remote/http-remote.ts';
import { SentBlobs } from '../../src/store/sent-blobs.ts';
import { SharedResults } from '../../src/store/shared-results.ts';
import { Store } from '../../src/store/store.ts';
import { treeText } from '../../src/store/trees.ts';
import { POSTGRES_TRACKING_MIGRATIONS } from '../../src/tracking/postgres/schema.ts';
import { AccessRig } from '../rigs/access-rig.ts';
import { CliRig } from '../rigs/cli-rig.ts';
import { onPostgres } from '../rigs/on-postgres.ts';
import { ServerProcess } from '../rigs/server-process.ts';
import { HOST, ServerRig } from '../rigs/server-rig.ts';

const SECRET = 'what only ann may read';
const DIGEST = digestOf(SECRET);
const FP = 'f'.repeat(64);
const DAY_MS = 24 * 3_600_000;
const clock = { sleep: async () => {} };

interface Seen {
  readonly get: number;
  readonly part: number;
  readonly head: number;
  readonly sizes: Readonly<Record<string, number>>;
}

const NOTHING: Seen = { get: 404, part: 404, head: 404, sizes: {} };

/** What the cache gives somebody who knows a digest. */
async function seenBy(rig: AccessRig, token: string, digest: string): Promise<Seen> {
  const ask = (
    method: 'GET' | 'HEAD' | 'POST',
    url: string,
    more: object = {},
  ): ReturnType<AccessRig['inject']> =>
    rig.inject({ authorization: `Bearer ${token}` }, { method, url, ...more });
  const payload = JSON.stringify({ digests: [digest], refresh: true });
  return {
    get: (await ask('GET', `/cas/${digest}`)).statusCode,
    part: (await ask('GET', `/cas/${digest}`, { headers: { range: 'bytes=0-3' } })).statusCode,
    head: (await ask('HEAD', `/cas/${digest}`)).statusCode,
    sizes: (JSON.parse((await ask('POST', '/cas/sizes', { payload })).body) as Pick<Seen, 'sizes'>).sizes,
  };
}

async function put(rig: AccessRig, token: string, url: string, payload: string): Promise<number> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/octet-stream' };
  return (await rig.inject(headers, { method: 'PUT', url, payload })).statusCode;
}

/** A file of an experiment that nobody but ann and the administrator may read, registered as a model's. */
async function withSecret(rig: AccessRig): Promise<{ readonly ann: string; readonly model: Digest }> {
  const ann = await rig.user('ann');
  await rig.post(ann, 'experiments/create', { name: 'e' });
  const { body } = await rig.post(ann, 'runs/create', { experiment_id: '1' });
  const { run_id } = (body['run'] as { info: { run_id: string } }).info;
  const folder = `1/${run_id}/artifacts/model`;
  expect(await put(rig, ann, `/api/2.0/mlflow-artifacts/artifacts/${folder}/MLmodel`, SECRET)).toBe(200);
  await rig.post(ann, 'registered-models/create', { name: 'm' });
  const source = `mlflow-artifacts:/${folder}`;
  expect((await rig.post(ann, 'model-versions/create', { name: 'm', source })).status).toBe(200);
  return { ann, model: digestOf(treeText([{ path: 'MLmodel', digest: DIGEST, size: SECRET.length }])) };
}

function describeSentBlobs(name: string, open: () => Promise<Database | undefined>): void {
  const create = async (): Promise<AccessRig> => {
    const database = await open();
    return AccessRig.create(database === undefined ? {} : { database });
  };

  describe(`${name}: of a blob that nobody sent to the cache`, () => {
    test('nobody gets the bytes or learns of it, whoever may read it elsewhere', async () => {
      await using rig = await create();
      const { ann, model } = await withSecret(rig);
      const others = [
        await rig.user('bob'),
        await rig.user('vic', 'viewer'),
        await rig.user('root', 'admin'),
      ];
      for (const digest of [DIGEST, model]) {
        expect(rig.server.store.blobs.size(digest)).toBeGreaterThan(0);
        for (const token of [ann, ...others]) expect(await seenBy(rig, token, digest)).toEqual(NOTHING);
      }
    });

    test('a result or a record that names it gives nothing of it', async () => {
      await using rig = await create();
      const { model } = await withSecret(rig);
      const bob = await rig.user('bob');
      const text = JSON.stringify({
        outputs: { o: { digest: DIGEST, size: 1 }, p: { digest: model, size: 1 } },
      });
      expect(await put(rig, bob, `/results/${FP}`, text)).toBe(201);
      expect(await put(rig, bob, `/results/${DIGEST}`, text)).toBe(201);
      expect(await put(rig, bob, `/flights/${DIGEST}/${'0'.repeat(32)}/checkpoint-1`, text)).toBe(201);
      for (const digest of [DIGEST, model]) expect(await seenBy(rig, bob, digest)).toEqual(NOTHING);
    });

    test('it is in the cache once a member has sent all of it, and then for everybody', async () => {
      await using rig = await create();
      await withSecret(rig);
      const [bob, vic] = [await rig.user('bob'), await rig.user('vic', 'viewer')];
      for (const part of ['', SECRET.slice(0, -1), `${SECRET} `])
        expect(await put(rig, bob, `/cas/${DIGEST}`, part)).toBe(400);
      expect(await put(rig, vic, `/cas/${DIGEST}`, SECRET)).toBe(403);
      expect(await seenBy(rig, bob, DIGEST)).toEqual(NOTHING);
      expect(await put(rig, bob, `/cas/${DIGEST}`, SECRET)).toBe(200);
      for (const token of [bob, vic])
        expect(await seenBy(rig, token, DIGEST)).toEqual({
          get: 200,
          part: 206,
          head: 200,
          sizes: { [DIGEST]: SECRET.length },
        });
    });

    test('nor of one that was sent once, when gc has taken it and it comes back as a file of others', async () => {
      await using rig = await create();
      const bob = await rig.user('bob');
      expect(await put(rig, bob, `/cas/${DIGEST}`, SECRET)).toBe(200);
      const { store } = rig.server;
      const gc = { maxBytes: 0, now: Date.now() + 2 * DAY_MS, kept: new Set<never>() };
      expect(collectGarbage(store, { ...gc, dryRun: true })).toMatchObject({ blobs: 1 });
      expect((await seenBy(rig, bob, DIGEST)).get).toBe(200);
      expect(collectGarbage(store, { ...gc, dryRun: false })).toMatchObject({ blobs: 1 });
      await withSecret(rig);
      expect(await seenBy(rig, bob, DIGEST)).toEqual(NOTHING);
    });
  });
}

describeSentBlobs('SQLite', async () => undefined);

onPostgres((rig) => {
  describeSentBlobs('PostgreSQL', () =>
    PostgresDatabase.open({
      url: rig().url,
      schema: rig().newSchema(),
      migrations: POSTGRES_TRACKING_MIGRATIONS,
    }),
  );
});

describe('what was sent', () => {
  test('to one of two servers on a folder is given by the other', async () => {
    await using one = await CliRig.create();
    await using two = await CliRig.create();
    for (const rig of [one, two]) rig.env['STOCKPOT_CACHE'] = join(one.dir, 'shared');
    await using first = await ServerProcess.start(one);
    await using second = await ServerProcess.start(two);
    const sent = await fetch(`${first.url}/cas/${DIGEST}`, { method: 'PUT', body: SECRET });
    expect(sent.status).toBe(200);
    expect(await (await fetch(`${second.url}/cas/${DIGEST}`)).text()).toBe(SECRET);
  });
});

describe('a cache of an earlier version, which does not say what was sent', () => {
  /** A store with a blob for each text. */
  async function stored(rig: ServerRig, texts: readonly string[]): Promise<readonly Digest[]> {
    const digests: Digest[] = [];
    for (const text of texts) digests.push((await rig.store.blobs.putDurably(text)).digest);
    return digests;
  }

  test('gives what its shared results, tasks and checkpoints name, folders with their files, and nothing else', async () => {
    await using rig = ServerRig.create();
    const [file, output, code, saved, own, artifact] = await stored(rig, ['f', 'o', 'c', 's', 'own', SECRET]);
    const size = 1;
    const list = treeText([{ path: 'x', digest: file as Digest, size }]);
    const [tree, task] = await stored(rig, [list, JSON.stringify({ code: { digest: code, size } })]);
    const results = new SharedResults(rig.store.layout.shared, rig.store.layout.base, rig.store.blobs);
    const text = JSON.stringify({ outputs: { t: { digest: tree, size }, o: { digest: output, size } } });
    await results.write(fingerprint(task as string), text, undefined);
    const records = new FlightRecords(rig.store.layout);
    const flight = { fingerprint: fingerprint(FP), nonce: '0'.repeat(32) };
    records.write(flight, 'checkpoint-1', JSON.stringify({ digest: saved, size }));
    await new SharedResults(rig.store.layout.results, rig.store.layout.base, rig.store.blobs).write(
      fingerprint('e'.repeat(64)),
      JSON.stringify({ outputs: { o: { digest: own, size: 3 } } }),
      undefined,
    );
    markNamedBlobs(rig.store, Date.now());
    const port = await rig.listen();
    await using remote = new HttpRemote({ url: `http://127.0.0.1:${port}`, token: undefined, clock });
    const all = [file, output, code, saved, tree, task, own, artifact] as Digest[];
    const sizes = await remote.sizes(all, { refresh: false });
    expect(all.map((digest) => sizes.has(digest))).toEqual([
      true,
      true,
      true,
      true,
      true,
      true,
      false,
      false,
    ]);
  });

  test('is looked through once: what is named later is none of it', async () => {
    await using rig = ServerRig.create();
    const [artifact] = (await stored(rig, [SECRET])) as [Digest];
    markNamedBlobs(rig.store, rig.now);
    const results = new SharedResults(rig.store.layout.shared, rig.store.layout.base, rig.store.blobs);
    await results.write(fingerprint(FP), JSON.stringify({ digest: artifact }), undefined);
    markNamedBlobs(rig.store, rig.now);
    expect(new SentBlobs(rig.store.layout).has(artifact)).toBe(false);
    const { statusCode } = await rig.app.inject({ url: `/cas/${artifact}`, headers: HOST });
    expect(statusCode).toBe(404);
  });

  test('is looked through by a server when it starts, before it answers', async () => {
    await using rig = await CliRig.create();
    const home = join(rig.dir, '.stockpot');
    using store = Store.open({ home, now: Date.now });
    const [{ digest }, { digest: other }] = [
      await store.blobs.putDurably('named'),
      await store.blobs.putDurably('not'),
    ];
    const results = new SharedResults(store.layout.shared, store.layout.base, store.blobs);
    await results.write(fingerprint(FP), JSON.stringify({ digest }), undefined);
    await using server = await ServerProcess.start(rig);
    const statuses = await Promise.all([digest, other].map((one) => fetch(`${server.url}/cas/${one}`)));
    expect(statuses.map(({ status }) => status)).toEqual([200, 404]);
  });
});
