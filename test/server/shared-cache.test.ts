import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { LightMyRequestResponse } from 'fastify';
import { describe, expect, test } from 'vitest';
import { fingerprint } from '../../src/core/ids.ts';
import { collectGarbage } from '../../src/store/gc.ts';
import { digestOf } from '../../src/store/hash.ts';
import { HttpRemote } from '../../src/store/remote/http-remote.ts';
import { treeText } from '../../src/store/trees.ts';
import { grant, revoke } from '../../src/tracking/access/grants.ts';
import { AccessRig } from '../rigs/access-rig.ts';
import { CliRig } from '../rigs/cli-rig.ts';
import { ServerProcess } from '../rigs/server-process.ts';
import { HOST, ServerRig } from '../rigs/server-rig.ts';

const FP = 'a'.repeat(64);
const DAY_MS = 24 * 3_600_000;
const clock = { sleep: async () => {} };

type Sent = Readonly<{ method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE'; url: string; payload?: string }>;

const BLOB = digestOf('blob');
const FLIGHT = `/flights/${FP}/${'0'.repeat(32)}`;
const READING: readonly Sent[] = [
  { method: 'GET', url: `/cas/${BLOB}` },
  { method: 'HEAD', url: `/cas/${BLOB}` },
  { method: 'POST', url: '/cas/sizes', payload: JSON.stringify({ digests: [BLOB] }) },
  { method: 'GET', url: `/results/${FP}` },
  { method: 'GET', url: FLIGHT },
];
const WRITING: readonly Sent[] = [
  { method: 'PUT', url: `/cas/${BLOB}`, payload: 'blob' },
  { method: 'PUT', url: `/results/${FP}`, payload: '{}' },
  { method: 'PUT', url: `${FLIGHT}/start-1`, payload: 'begun' },
  { method: 'DELETE', url: `${FLIGHT}/start-1` },
];

describe('the cache that machines share, at a server', () => {
  test('is read by whoever signs in, and written by members with a token to write', async () => {
    await using rig = AccessRig.create();
    const [ann, vic] = [await rig.user('ann'), await rig.user('vic', 'viewer')];
    const annReads = await rig.token('ann', 'read');
    const statuses = async (token: string | undefined, all: readonly Sent[]): Promise<number[]> => {
      const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
      const answers = [];
      for (const sent of all) answers.push(await rig.inject(headers, sent));
      return answers.map(({ statusCode }) => statusCode);
    };
    expect(await statuses(undefined, [...READING, ...WRITING])).toEqual(Array(9).fill(401));
    for (const token of [vic, annReads]) expect(await statuses(token, WRITING)).toEqual([403, 403, 403, 403]);
    expect(rig.server.store.blobs.size(BLOB)).toBeUndefined();
    expect(await statuses(ann, WRITING)).toEqual([200, 201, 201, 200]);
    for (const token of [ann, vic, annReads])
      expect(await statuses(token, READING)).toEqual(Array(5).fill(200));
  });

  test('is for whom it was granted to, where it was', async () => {
    await using rig = AccessRig.create();
    const [ann, bob] = [await rig.user('ann'), await rig.user('bob')];
    const on = { kind: 'cache' } as const;
    const change = { actor: 'test', at: 1 };
    const give = (principal: string, permission: 'READ' | 'EDIT' | 'NO_PERMISSIONS'): Promise<void> =>
      rig.server.database.write((sql) => grant(sql, on, { principal, permission }, change));
    const statuses = async (token: string, all: readonly Sent[]): Promise<number[]> => {
      const found = [];
      for (const sent of all)
        found.push((await rig.inject({ authorization: `Bearer ${token}` }, sent)).statusCode);
      return found;
    };
    await give('everyone', 'READ');
    await give('user:ann', 'EDIT');
    expect(await statuses(bob, WRITING)).toEqual(Array(4).fill(403));
    expect(await statuses(ann, WRITING)).toEqual([200, 201, 201, 200]);
    expect(await statuses(bob, READING)).toEqual(Array(5).fill(200));
    await give('user:bob', 'NO_PERMISSIONS');
    expect(await statuses(bob, READING)).toEqual(Array(5).fill(403));
    await rig.server.database.write((sql) => revoke(sql, on, 'user:bob', change));
    expect(await statuses(bob, READING)).toEqual(Array(5).fill(200));
  });

  test('keeps nothing of bytes that are not what the address says', async () => {
    await using rig = ServerRig.create();
    const put = (payload: string | Buffer): Promise<LightMyRequestResponse> =>
      rig.app.inject({ method: 'PUT', url: `/cas/${BLOB}`, headers: HOST, payload });
    for (const wrong of ['', 'Blob', Buffer.alloc(3_000_000)]) {
      const { statusCode, body } = await put(wrong);
      expect([statusCode, JSON.parse(body)]).toEqual([
        400,
        {
          error_code: 'INVALID_PARAMETER_VALUE',
          message: `The bytes that came are not those of ${BLOB}: nothing was kept of them.`,
        },
      ]);
    }
    expect(readdirSync(rig.store.layout.cas)).toEqual(['tmp']);
    expect(readdirSync(rig.store.layout.tmp)).toEqual([]);
    expect((await put('blob')).statusCode).toBe(200);
    expect(rig.store.blobs.read(BLOB).toString()).toBe('blob');
  });

  test.each(['/cas/x', `/cas/${'A'.repeat(64)}`, `/cas/..%2f${FP}`, '/results/x', `/results/..%2f${FP}`])(
    '%s is the address of nothing',
    async (url) => {
      await using rig = ServerRig.create();
      for (const method of ['GET', 'PUT'] as const)
        expect((await rig.app.inject({ method, url, headers: HOST, payload: 'x' })).statusCode).toBe(400);
      const asked = await rig.app.inject({
        method: 'POST',
        url: '/cas/sizes',
        headers: { ...HOST, 'content-type': 'application/json' },
        payload: JSON.stringify({ digests: [url] }),
      });
      expect(asked.statusCode).toBe(400);
    },
  );

  test('gives a blob from a byte on, and not again to whoever has it', async () => {
    await using rig = ServerRig.create();
    const bytes = Buffer.alloc(200_000, 'stockpot ');
    const digest = digestOf(bytes);
    await rig.app.inject({ method: 'PUT', url: `/cas/${digest}`, headers: HOST, payload: bytes });
    const get = (headers: Readonly<Record<string, string>>): Promise<LightMyRequestResponse> =>
      rig.app.inject({ method: 'GET', url: `/cas/${digest}`, headers: { ...HOST, ...headers } });
    const rest = await get({ range: 'bytes=150000-' });
    expect([rest.statusCode, rest.headers['content-range']]).toEqual([206, 'bytes 150000-199999/200000']);
    expect(rest.rawPayload.equals(bytes.subarray(150_000))).toBe(true);
    expect((await get({ range: 'bytes=200000-' })).statusCode).toBe(416);
    expect(await get({ 'if-none-match': `"${digest}"` })).toMatchObject({ statusCode: 304, body: '' });
  });

  test('a result is replaced only by who names the one that is there', async () => {
    await using rig = ServerRig.create();
    const put = async (payload: string, headers: Readonly<Record<string, string>>): Promise<number> =>
      (
        await rig.app.inject({
          method: 'PUT',
          url: `/results/${FP}`,
          headers: { ...HOST, 'content-type': 'application/json', ...headers },
          payload,
        })
      ).statusCode;
    const first = digestOf('1');
    expect(await put('1', { 'if-none-match': '*' })).toBe(201);
    expect(await put('2', { 'if-none-match': '*' })).toBe(412);
    expect(await put('2', {})).toBe(412);
    expect(await put('2', { 'if-match': `"${digestOf('0')}"` })).toBe(412);
    expect(await put('2', { 'if-match': `"${first}"` })).toBe(201);
    expect(await put('3', { 'if-match': `"${first}"` })).toBe(412);
    const got = await rig.app.inject({ method: 'GET', url: `/results/${FP}`, headers: HOST });
    expect([got.body, got.headers['etag']]).toEqual(['2', `"${digestOf('2')}"`]);
    const again = { ...HOST, 'if-none-match': `"${digestOf('2')}"` };
    expect((await rig.app.inject({ method: 'GET', url: `/results/${FP}`, headers: again })).statusCode).toBe(
      304,
    );
    // Whoever runs recipes in the server's own home believes what stands there.
    expect(rig.store.results.read(fingerprint(FP))).toBeUndefined();
  });

  test('counts and logs blobs and results by route, with no digest', async () => {
    await using rig = ServerRig.create();
    for (const sent of [...WRITING, ...READING])
      await rig.app.inject({ ...sent, headers: { ...HOST, 'content-type': 'application/json' } });
    const { body } = await rig.app.inject({ method: 'GET', url: '/metrics', headers: HOST });
    for (const route of ['/cas/:digest', '/cas/sizes', '/results/:fingerprint'])
      expect(body).toContain(`route="${route}",status="200"`);
    expect(body).toContain('stockpot_artifact_bytes_total{direction="in"} 4');
    expect(body).not.toMatch(/[0-9a-f]{64}/);
  });

  test('lives in the cache as long as gc leaves it, last used last', async () => {
    await using rig = ServerRig.create();
    const port = await rig.listen();
    await using remote = new HttpRemote({ url: `http://127.0.0.1:${port}`, token: undefined, clock });
    const names = ['b', 'c', 'd'].map((digit) => fingerprint(digit.repeat(64)));
    rig.now = Date.now();
    for (const [index, name] of names.entries()) {
      const inFolder = await rig.store.blobs.putDurably(Buffer.alloc(10_000, index + 1));
      const list = await rig.store.blobs.putDurably(treeText([{ path: 'x', ...inFolder }]));
      const text = JSON.stringify({ outputs: { o: { ...list, kind: 'directory' } }, at: '../../x' });
      await remote.writeResult(name, text, undefined);
    }
    await remote.writeResult(fingerprint(FP), 'no result at all', undefined);
    // The first is read days later.
    rig.now += 3 * DAY_MS;
    await remote.readResult(names[0] ?? fingerprint(FP));
    const gc = (maxBytes: number): object =>
      collectGarbage(rig.store, { maxBytes, now: rig.now, dryRun: false, kept: new Set() });
    expect(gc(1_000_000)).toMatchObject({ results: 0, blobs: 0 });
    expect(gc(15_000)).toMatchObject({ blobs: 4 });
    const left = await Promise.all(names.map((name) => remote.readResult(name)));
    expect(left.map((one) => one !== undefined)).toEqual([true, false, false]);
    expect(rig.store.blobs.has(digestOf(Buffer.alloc(10_000, 1)), 10_000)).toBe(true);
  });
});

describe('two servers on one folder', () => {
  test('let one of all writers win, and one of all who replace', async () => {
    await using one = await CliRig.create();
    await using two = await CliRig.create();
    for (const rig of [one, two]) rig.env['STOCKPOT_CACHE'] = join(one.dir, 'shared');
    await using first = await ServerProcess.start(one);
    await using second = await ServerProcess.start(two);
    const remotes = [first, second].map(({ url }) => new HttpRemote({ url, token: undefined, clock }));
    const [reader] = remotes;
    const name = fingerprint(FP);
    const race = async (
      round: number,
      over: Awaited<ReturnType<HttpRemote['readResult']>>,
    ): Promise<void> => {
      const texts = Array.from({ length: 12 }, (_, n) => `${round} ${n}`);
      const won = await Promise.all(
        texts.map(async (text, n) => remotes[n % 2]?.writeResult(name, text, over)),
      );
      expect(won.filter(Boolean).length).toBe(1);
      expect((await reader?.readResult(name))?.text).toBe(texts[won.indexOf(true)]);
    };
    await race(0, undefined);
    for (let round = 1; round <= 10; round += 1) await race(round, await reader?.readResult(name));
    for (const remote of remotes) await remote[Symbol.asyncDispose]();
  });
});
