import { mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { fingerprint } from '../../src/core/ids.ts';
import { digestOf } from '../../src/store/hash.ts';
import { shardPath } from '../../src/store/layout.ts';
import { HttpRemote } from '../../src/store/remote/http-remote.ts';
import { RemoteRefused, RemoteUnreachable } from '../../src/store/remote/remote.ts';
import { describeCheckpoints } from '../conformance/describe-checkpoints.ts';
import { describeFetches } from '../conformance/describe-fetches.ts';
import { describeRecords } from '../conformance/describe-records.ts';
import { describeRemote, type RemoteUnderTest } from '../conformance/describe-remote.ts';
import { damageFile } from '../rigs/damage.ts';
import { keepingFiles, OtherServer } from '../rigs/other-server.ts';
import { ServerRig } from '../rigs/server-rig.ts';

/** Nobody waits between two tries. */
const clock = { sleep: async () => {} };

async function recipeServer(): Promise<RemoteUnderTest> {
  const rig = ServerRig.create();
  const port = await rig.listen();
  const opened: HttpRemote[] = [];
  return {
    open: () => {
      const remote = new HttpRemote({ url: `http://127.0.0.1:${port}/`, token: undefined, clock });
      opened.push(remote);
      return remote;
    },
    damage: async (digest, how) => damageFile(shardPath(rig.store.layout.cas, digest), how),
    goAway: async () => {
      await rig.app.close();
    },
    [Symbol.asyncDispose]: async () => {
      for (const remote of opened) await remote[Symbol.asyncDispose]();
      await rig[Symbol.asyncDispose]();
      for (const bug of rig.bugs) throw bug;
    },
  };
}

describeRemote('recipe server', recipeServer);
describeFetches('recipe server', recipeServer);
describeRecords('recipe server', recipeServer);
describeCheckpoints('recipe server', recipeServer);

const BYTES = Buffer.from('some bytes');
const DIGEST = digestOf(BYTES);
const FP = fingerprint('a'.repeat(64));
const FLIGHT = { fingerprint: FP, nonce: '0'.repeat(32) };

/** A file of those bytes while a test goes on. */
function file(bytes: Uint8Array = BYTES): { path: string; size: number } & Disposable {
  const folder = mkdtempDisposableSync(join(tmpdir(), 'stockpot-'));
  const path = join(folder.path, 'file');
  writeFileSync(path, bytes);
  return { path, size: bytes.length, [Symbol.dispose]: () => folder.remove() };
}

async function textOf(bytes: AsyncIterable<Uint8Array> | undefined): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes ?? []) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

describe('a web server that keeps files, as a remote', () => {
  test('has blobs and results, and is asked about many at once only once', async () => {
    await using server = await OtherServer.create(keepingFiles());
    await using remote = server.open();
    using some = file();
    await remote.put(DIGEST, some);
    const absent = digestOf('absent');
    for (const refresh of [true, false])
      expect(await remote.sizes([DIGEST, absent], { refresh })).toEqual(new Map([[DIGEST, BYTES.length]]));
    expect(await textOf(await remote.get(DIGEST, 5))).toBe('bytes');
    expect(await remote.get(absent, 0)).toBeUndefined();
    expect(await remote.writeResult(FP, 'one', undefined)).toBe(true);
    const first = await remote.readResult(FP);
    expect(first?.text).toBe('one');
    expect(await remote.writeResult(FP, 'two', first)).toBe(true);
    expect((await remote.readResult(FP))?.text).toBe('two');
    expect(server.asked.filter((one) => one.startsWith('POST'))).toEqual(['POST /below/cas/sizes']);
    expect(server.asked.filter((one) => one === 'HEAD /below/cas/X').length).toBe(4);
  });

  test('is told who asks: by a token, or by the name and password of its address, which no message shows', async () => {
    const said: unknown[] = [];
    await using server = await OtherServer.create(({ headers }, response) => {
      said.push(headers.authorization);
      response.writeHead(404).end();
    });
    await using byToken = server.open('t0ken');
    await using byName = server.open(undefined, 'ann:p%40ss@');
    await using asNobody = server.open();
    for (const remote of [byToken, byName, asNobody]) await remote.readResult(FP);
    expect(said).toEqual(['Bearer t0ken', `Basic ${Buffer.from('ann:p@ss').toString('base64')}`, undefined]);
    expect(byName.name).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/below$/);
  });

  test.each([
    [401, {}, /status 401, who\?: sign in with `recipe login http/],
    [403, {}, /status 403, who\?: ask its administrator for a role of member/],
    [413, {}, /status 413, who\?: let the proxy before it pass bodies of any size/],
    [302, { location: 'https://other/' }, /it is at https:\/\/other\/ now: use that address/],
  ] as const)('that answers %i refuses, and is asked once', async (status, headers, message) => {
    await using server = await OtherServer.create((_, response) => {
      response.writeHead(status, headers).end(JSON.stringify({ message: 'who?' }));
    });
    await using remote = server.open();
    const asked = remote.readResult(FP);
    await expect(asked).rejects.toThrow(RemoteRefused);
    await expect(asked).rejects.toThrow(message);
    expect(server.asked.length).toBe(1);
  });

  test.each([
    [429, 4],
    [500, 4],
    [503, 4],
    [507, 1],
  ])('that answers %i is out of reach after %i tries', async (status, tries) => {
    await using server = await OtherServer.create((_, response) => {
      response.writeHead(status).end();
    });
    await using remote = server.open();
    await expect(remote.readResult(FP)).rejects.toThrow(RemoteUnreachable);
    expect(server.asked.length).toBe(tries);
  });

  test('that breaks off after it wrote a result has written it', async () => {
    let text: string | undefined;
    await using server = await OtherServer.create(async (request, response) => {
      const sent = await buffer(request);
      if (request.method === 'GET') response.end(text);
      else if (text === undefined) {
        text = sent.toString();
        response.destroy();
      } else response.writeHead(412).end();
    });
    await using remote = server.open();
    expect(await remote.writeResult(FP, 'ours', undefined)).toBe(true);
    expect(await remote.writeResult(FP, 'other', undefined)).toBe(false);
  });

  test('that breaks off after it wrote a record has written it, unless another was first', async () => {
    const records: Record<string, string> = {};
    await using server = await OtherServer.create(async (request, response) => {
      const sent = await buffer(request);
      const name = request.url?.split('/').at(-1) ?? '';
      if (request.method === 'GET') response.end(JSON.stringify({ records }));
      else if (records[name] === undefined) {
        records[name] = name === 'cancel' ? 'theirs' : sent.toString();
        response.destroy();
      } else response.writeHead(412).end();
    });
    await using remote = server.open();
    expect(await remote.writeRecord(FLIGHT, 'start-1', 'ours')).toBe(true);
    expect(await remote.writeRecord(FLIGHT, 'start-1', 'ours')).toBe(false);
    expect(await remote.writeRecord(FLIGHT, 'cancel', 'ours')).toBe(false);
  });

  test.each([404, 405, 501])(
    'that answers %i to flights is told to be no place for a fleet',
    async (status) => {
      await using server = await OtherServer.create((_, response) => {
        response.writeHead(status).end('<html>');
      });
      await using remote = server.open();
      for (const asked of [
        remote.readRecords(FLIGHT),
        remote.writeRecord(FLIGHT, 'cancel', ''),
        remote.removeRecords(FLIGHT, ['cancel']),
      ]) {
        await expect(asked).rejects.toThrow(RemoteRefused);
        await expect(asked).rejects.toThrow(/keeps no records of flights; give the fleet a recipe server/);
      }
    },
  );

  test.each(['', '<html>', 'null', '[]', '{"records":null}', '{"records":"x"}'])(
    'that answers %j about flights has not answered',
    async (text) => {
      await using server = await OtherServer.create((_, response) => {
        response.end(text);
      });
      await using remote = server.open();
      await expect(remote.readRecords(FLIGHT)).rejects.toThrow(RemoteUnreachable);
    },
  );

  test('gives no record of a name that is none, and none that is no text', async () => {
    await using server = await OtherServer.create((_, response) => {
      response.end('{"records":{"start-1":"x","../x":"x","cancel":1,"__proto__":"x","constructor":"y"}}');
    });
    await using remote = server.open();
    expect(await remote.readRecords(FLIGHT)).toEqual(
      new Map([
        ['start-1', 'x'],
        ['constructor', 'y'],
      ]),
    );
  });

  test('that refuses before it has read all is understood, and sent no more', async () => {
    await using server = await OtherServer.create((_, response) => {
      response.writeHead(403).end();
    });
    await using remote = server.open();
    using large = file(Buffer.alloc(64 << 20));
    await expect(remote.put(DIGEST, large)).rejects.toThrow(RemoteRefused);
  });

  test.each([10, 1 << 20])('is not blamed for %i bytes that are not here', async (size) => {
    await using server = await OtherServer.create(keepingFiles());
    await using remote = server.open();
    await expect(remote.put(DIGEST, { path: '/nowhere/at/all', size })).rejects.toMatchObject({
      code: 'ENOENT',
    });
  });
});
