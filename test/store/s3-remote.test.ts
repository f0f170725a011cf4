import { tmpdir } from 'node:os';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fingerprint } from '../../src/core/ids.ts';
import { digestOf } from '../../src/store/hash.ts';
import { shardPath } from '../../src/store/layout.ts';
import { probeRemote } from '../../src/store/remote/probe-remote.ts';
import { type Remote, RemoteRefused, RemoteUnreachable } from '../../src/store/remote/remote.ts';
import { describeCheckpoints } from '../conformance/describe-checkpoints.ts';
import { describeFetches } from '../conformance/describe-fetches.ts';
import { describeRecords } from '../conformance/describe-records.ts';
import { describeRemote, type RemoteUnderTest } from '../conformance/describe-remote.ts';
import { damageObject } from '../rigs/damage.ts';
import { LargeFile } from '../rigs/large-file.ts';
import { ImpatientClock, remoteOf } from '../rigs/s3-rig.ts';
import { S3Server } from '../rigs/s3-server.ts';

for (const prefix of ['', "team a/ü+100%#?&=*'()!~/"]) {
  const bucket = async (): Promise<RemoteUnderTest> => {
    const server = await S3Server.start();
    const remotes: Remote[] = [];
    return {
      open: () => {
        const remote = remoteOf(server, { prefix });
        remotes.push(remote);
        return remote;
      },
      damage: async (digest, how) => damageObject(server, `bucket/${prefix}${shardPath('cas', digest)}`, how),
      goAway: () => server.stop(),
      [Symbol.asyncDispose]: async () => {
        for (const remote of remotes) await remote[Symbol.asyncDispose]();
        await server.stop();
      },
    };
  };
  describeRemote(`S3 below '${prefix}'`, bucket);
  describeFetches(`S3 below '${prefix}'`, bucket);
  describeRecords(`S3 below '${prefix}'`, bucket);
  if (prefix !== '') describeCheckpoints(`S3 below '${prefix}'`, bucket);
}

const FP = fingerprint('f'.repeat(64));
const MIB = 1 << 20;
const HOUR_MS = 3_600_000;

describe('large blobs go to S3 in parts', () => {
  test('and have their name only when all are there', async () => {
    await using server = await S3Server.start();
    using file = new LargeFile(40 * MIB + 1);
    await using remote = remoteOf(server);
    await remote.put(file.digest, file);
    expect(await remote.sizes([file.digest], { refresh: false })).toEqual(
      new Map([[file.digest, file.size]]),
    );
    const parts = server.calls.filter(({ query }) => query.has('partNumber'));
    expect(parts.map(({ body }) => body.length).toSorted((a, b) => a - b)).toEqual([
      8 * MIB + 1,
      16 * MIB,
      16 * MIB,
    ]);
    expect(digestOf(await collect(await remote.get(file.digest, 0)))).toBe(file.digest);
    expect(server.uploads.size).toBe(0);
  });

  test('a part that is refused leaves nothing', async () => {
    await using server = await S3Server.start();
    using file = new LargeFile(40 * MIB);
    await using remote = remoteOf(server);
    server.fault = ({ query }) =>
      query.get('partNumber') === '2' ? { status: 403, code: 'AccessDenied' } : undefined;
    await expect(remote.put(file.digest, file)).rejects.toThrow(RemoteRefused);
    expect([server.objects.size, server.uploads.size]).toEqual([0, 0]);
  });

  test('one that nobody wants to be sent any more leaves nothing', async () => {
    await using server = await S3Server.start();
    using file = new LargeFile(40 * MIB);
    await using remote = remoteOf(server);
    const stopped = new AbortController();
    server.fault = ({ query }) => {
      if (query.has('partNumber')) stopped.abort(new Error('Ctrl-C'));
      return undefined;
    };
    await expect(remote.put(file.digest, file, stopped)).rejects.toThrow('Ctrl-C');
    expect([server.objects.size, server.uploads.size]).toEqual([0, 0]);
  });

  test('connections that break in the middle are made again, and if they go on breaking nothing is left', async () => {
    await using server = await S3Server.start();
    using file = new LargeFile(40 * MIB);
    await using remote = remoteOf(server);
    let breaks = 3;
    server.fault = ({ query }) => (query.has('uploadId') && breaks-- > 0 ? 'silence' : undefined);
    await remote.put(file.digest, file);
    expect(digestOf(await collect(await remote.get(file.digest, 0)))).toBe(file.digest);
    server.objects.clear();
    server.fault = ({ query }) => (query.get('partNumber') === '3' ? 'silence' : undefined);
    await expect(remote.put(file.digest, file)).rejects.toThrow(RemoteUnreachable);
    expect([server.objects.size, server.uploads.size]).toEqual([0, 0]);
  });

  test('the end of an upload that was carried out without an answer, or fails after 200, counts once', async () => {
    await using server = await S3Server.start();
    using file = new LargeFile(20 * MIB);
    await using remote = remoteOf(server);
    for (const fault of ['silence', 'late'] as const) {
      server.objects.clear();
      let isFirst = true;
      server.fault = ({ method, query }) => {
        if (!(method === 'POST' && query.has('uploadId') && isFirst)) return undefined;
        isFirst = false;
        return fault;
      };
      await remote.put(file.digest, file);
      expect(digestOf(await collect(await remote.get(file.digest, 0)))).toBe(file.digest);
    }
  });

  test('bytes that are not what the digest says get no name', async () => {
    await using server = await S3Server.start();
    await using remote = remoteOf(server);
    for (const size of [20 * MIB, 3]) {
      using file = new LargeFile(size);
      await expect(remote.put(digestOf('another'), file)).rejects.toThrow(RemoteRefused);
    }
    expect([server.objects.size, server.uploads.size]).toEqual([0, 0]);
  });
});

describe('S3 gets old blobs renewed before a result names them', () => {
  test('those of more than twelve hours by its own clock, onto themselves', async () => {
    let now = Date.now();
    await using server = await S3Server.start({ now: () => now });
    await using remote = remoteOf(server, { prefix: 'ü +/' });
    const path = (text: string): string => `bucket/ü +/${shardPath('cas', digestOf(text))}`;
    for (const [text, hours] of Object.entries({ old: 13, young: 11 }))
      server.store(path(text), Buffer.from(text), { at: now - hours * HOUR_MS });
    now += 1000;
    const ages = (): number[] =>
      ['old', 'young'].map((text) =>
        Math.round((now - (server.objects.get(path(text))?.modifiedAt ?? 0)) / HOUR_MS),
      );
    const all = [digestOf('old'), digestOf('young'), digestOf('absent')];
    const sizes = new Map([
      [digestOf('old'), 3],
      [digestOf('young'), 5],
    ]);
    expect(await remote.sizes(all, { refresh: false })).toEqual(sizes);
    expect(ages()).toEqual([13, 11]);
    expect(await remote.sizes(all, { refresh: true })).toEqual(sizes);
    expect(ages()).toEqual([0, 11]);
    expect(await collect(await remote.get(digestOf('old'), 0))).toEqual(Buffer.from('old'));
  });

  test('of more than 5 GiB in parts, and one that goes meanwhile is not there', async () => {
    await using server = await S3Server.start();
    await using remote = remoteOf(server);
    const digest = digestOf('huge');
    const path = `bucket/${shardPath('cas', digest)}`;
    const at = Date.now() - 20 * HOUR_MS;
    const size = 6 * 1024 ** 3 + 1;
    server.store(path, Buffer.from('huge'), { size, at });
    expect(await remote.sizes([digest], { refresh: true })).toEqual(new Map([[digest, size]]));
    expect(server.objects.get(path)?.size).toBe(size);
    expect(server.objects.get(path)?.modifiedAt).toBeGreaterThan(at);
    server.store(path, Buffer.from('gone'), { at });
    server.fault = ({ headers }) => {
      if (headers['x-amz-copy-source'] !== undefined) server.objects.delete(path);
      return undefined;
    };
    expect(await remote.sizes([digest], { refresh: true })).toEqual(new Map());
  });
});

describe('what S3 says no to is told with what to look at', () => {
  const refused = async (work: Promise<unknown>): Promise<string> => {
    const error = await work.then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(error).toBeInstanceOf(RemoteRefused);
    return (error as Error).message;
  };

  test('wrong keys, a bucket that is not there, another region', async () => {
    await using server = await S3Server.start();
    const read = async (reaching: Parameters<typeof remoteOf>[1]): Promise<string> => {
      await using remote = remoteOf(server, reaching);
      return await refused(remote.readResult(FP));
    };
    expect([
      await read({ secret: 'wrong' }),
      await read({ keyId: 'OTHER' }),
      await read({ bucket: 'other', prefix: 'p/' }),
      await read({ clock: Object.assign(new ImpatientClock(), { now: () => 0 }) }),
    ]).toEqual([
      's3://bucket: SignatureDoesNotMatch, said the server: check AWS_SECRET_ACCESS_KEY',
      's3://bucket: InvalidAccessKeyId, said the server: check AWS_ACCESS_KEY_ID',
      's3://other/p: NoSuchBucket, said the server: check the name of the bucket, and the endpoint',
      's3://bucket: RequestTimeTooSkewed, said the server: check the clock of this machine',
    ]);
  });

  test('a bucket that is not there is no empty one, though HEAD has no body', async () => {
    await using server = await S3Server.start();
    await using remote = remoteOf(server, { bucket: 'other' });
    expect(await refused(remote.sizes([digestOf('x')], { refresh: false }))).toContain('NoSuchBucket');
    await using there = remoteOf(server);
    expect(await there.sizes([digestOf('x'), digestOf('y')], { refresh: true })).toEqual(new Map());
  });

  test('a key that may not list', async () => {
    await using server = await S3Server.start();
    await using remote = remoteOf(server);
    server.fault = () => ({ status: 403, code: '' });
    expect(await refused(remote.sizes([digestOf('x')], { refresh: false }))).toBe(
      's3://bucket: status 403: check that the key may s3:GetObject, s3:PutObject and s3:ListBucket there',
    );
  });

  test('a session token goes along, signed', async () => {
    await using server = await S3Server.start();
    await using remote = remoteOf(server, { sessionToken: 'token/+=' });
    await remote.readResult(FP);
    expect(server.calls.map(({ headers }) => headers['x-amz-security-token'])).toEqual(['token/+=']);
  });
});

describe('an S3 that is busy is asked again', () => {
  test('after pauses that grow, and four times at most', async () => {
    await using server = await S3Server.start();
    const clock = new ImpatientClock();
    await using remote = remoteOf(server, { clock });
    let failures = 3;
    server.fault = () => (failures-- > 0 ? { status: 503, code: 'SlowDown' } : undefined);
    expect(await remote.readResult(FP)).toBeUndefined();
    expect(clock.slept.map((ms, n) => ms >= 100 * 2 ** n && ms < 200 * 2 ** n)).toEqual([true, true, true]);
    server.fault = () => ({ status: 503, code: 'SlowDown' });
    server.calls.length = 0;
    await expect(remote.readResult(FP)).rejects.toThrow(
      new RemoteUnreachable('s3://bucket: SlowDown, said the server'),
    );
    expect(server.calls.length).toBe(4);
  });

  test('a blob whose way breaks off is unreachable, and goes on from there', async () => {
    await using server = await S3Server.start();
    await using remote = remoteOf(server);
    using file = new LargeFile(3 * MIB);
    await remote.put(file.digest, file);
    server.fault = () => 'half';
    const got: Uint8Array[] = [];
    await expect(async () => {
      for await (const chunk of (await remote.get(file.digest, 0)) ?? []) got.push(chunk);
    }).rejects.toThrow(RemoteUnreachable);
    const half = Buffer.concat(got);
    expect(half.length).toBeLessThanOrEqual(1.5 * MIB);
    server.fault = () => undefined;
    const rest = await collect(await remote.get(file.digest, half.length));
    expect(digestOf(Buffer.concat([half, rest]))).toBe(file.digest);
    expect(server.calls.at(-1)?.headers.range).toBe(half.length === 0 ? undefined : `bytes=${half.length}-`);
  });
});

describe('results on S3 are exclusive where it honours conditions', () => {
  test.each([
    ['honoured', true],
    ['of new objects only', false],
    ['ignored', false],
    ['not implemented', false],
  ] as const)('conditions %s: a probe says exclusive %s', async (conditions, isExclusive) => {
    await using server = await S3Server.start({ conditions });
    await using remote = remoteOf(server);
    expect(await probeRemote(remote, tmpdir())).toEqual({ problem: undefined, isExclusive });
  });

  test('the last writer wins where there are no conditions', async () => {
    for (const conditions of ['ignored', 'not implemented'] as const) {
      await using server = await S3Server.start({ conditions });
      await using remote = remoteOf(server);
      expect(await remote.writeResult(FP, 'one', undefined)).toBe(true);
      expect(await remote.writeResult(FP, 'two', undefined)).toBe(true);
      expect((await remote.readResult(FP))?.text).toBe('two');
    }
  });

  test('a write that was carried out without an answer has succeeded, unless another was first', async () => {
    await using server = await S3Server.start();
    await using remote = remoteOf(server);
    const once = (fault: 'silence' | { status: number; code: string }, also = (): void => {}): void => {
      let isFirst = true;
      server.fault = () => {
        if (!isFirst) return undefined;
        isFirst = false;
        also();
        return fault;
      };
    };
    once('silence');
    expect(await remote.writeResult(FP, '{"of":"mine"}', undefined)).toBe(true);
    const there = await remote.readResult(FP);
    once('silence');
    expect(await remote.writeResult(FP, '{"of":"mine, again"}', there)).toBe(true);
    server.objects.clear();
    once({ status: 500, code: 'InternalError' }, () => {
      server.store(`bucket/${shardPath('results', FP)}`, Buffer.from('theirs'));
    });
    expect(await remote.writeResult(FP, '{"of":"mine"}', undefined)).toBe(false);
    expect(await remote.writeResult(FP, '{"of":"mine"}', await remote.readResult(FP))).toBe(true);
  });

  test('of those who replace one at once one succeeds, and what is gone is not replaced', async () => {
    await using server = await S3Server.start();
    await using remote = remoteOf(server);
    await remote.writeResult(FP, '{}', undefined);
    const there = await remote.readResult(FP);
    const won = await Promise.all(
      Array.from({ length: 8 }, (_, n) => remote.writeResult(FP, `{"n":${n}}`, there)),
    );
    expect(won.filter(Boolean).length).toBe(1);
    server.objects.clear();
    expect(await remote.writeResult(FP, '{}', there)).toBe(false);
  });
});

test('any prefix gives keys that S3 takes as they are', async () => {
  await using server = await S3Server.start();
  const part = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
    .filter((text) => !/^\.{1,2}$|\p{Cc}|\//u.test(text));
  await fc.assert(
    fc.asyncProperty(part, async (prefix) => {
      server.objects.clear();
      await using remote = remoteOf(server, { prefix: `${prefix}/` });
      expect(await remote.writeResult(FP, prefix, undefined)).toBe(true);
      expect([...server.objects.keys()]).toEqual([`bucket/${prefix}/${shardPath('results', FP)}`]);
    }),
    { numRuns: 100 },
  );
});

async function collect(bytes: AsyncIterable<Uint8Array> | undefined): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes ?? []) chunks.push(chunk);
  return Buffer.concat(chunks);
}
