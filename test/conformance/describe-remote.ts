import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Digest, fingerprint } from '../../src/core/ids.ts';
import { digestOf } from '../../src/store/hash.ts';
import { type Remote, RemoteUnreachable } from '../../src/store/remote/remote.ts';
import { acceptedKeys, newKey, Signer } from '../../src/store/remote/signing.ts';
import type { Result } from '../../src/store/results.ts';
import { CacheMachine, FP, NOW } from '../rigs/cache-machine.ts';
import { type Damage, damageFile } from '../rigs/damage.ts';
import { boundRemote } from './bound-remote.ts';

/** One kind of remote, and what a test does to it from outside. */
export interface RemoteUnderTest extends AsyncDisposable {
  /** What another machine sees: every call gives a new one. */
  readonly open: () => Remote;
  /** Changes the bytes of a blob, not how many, or takes it away. */
  readonly damage: (digest: Digest, how: Damage) => Promise<void>;
  /** Nobody reaches it any more. */
  readonly goAway: () => Promise<void>;
}

/** What any remote must do, and a cache in front of it. */
export function describeRemote(name: string, make: () => Promise<RemoteUnderTest>): void {
  describe(`${name}: the remote`, () => {
    test('gives blobs as they were put, from any byte on, and says which are there', async () => {
      await using under = await make();
      using machine = new CacheMachine();
      await fc.assert(
        fc.asyncProperty(fc.uint8Array({ maxLength: 5000 }), fc.nat(6000), async (bytes, from) => {
          const [writer, reader] = [under.open(), under.open()];
          const file = machine.file(bytes);
          const digest = digestOf(bytes);
          await writer.put(digest, file, { replace: false });
          expect(
            (await collect(await reader.get(digest, Math.min(from, bytes.length)))).toString('hex'),
          ).toBe(Buffer.from(bytes).subarray(Math.min(from, bytes.length)).toString('hex'));
          const absent = digestOf(`no ${from}`);
          expect(await reader.sizes([digest, absent], { refresh: true })).toEqual(
            new Map([[digest, bytes.length]]),
          );
          expect(await reader.get(absent, 0)).toBeUndefined();
        }),
        { numRuns: 15 },
      );
    });

    test('gives a result its name once: of many who write at once one succeeds', async () => {
      await using under = await make();
      const writers = Array.from({ length: 8 }, (_, n) => ({ remote: under.open(), text: `{"n":${n}}` }));
      const won = await Promise.all(
        writers.map(({ remote, text }) => remote.writeResult(FP, text, undefined)),
      );
      const winner = won.indexOf(true);
      expect(won.filter(Boolean).length).toBe(1);
      const there = await under.open().readResult(FP);
      expect(there?.text).toBe(writers[winner]?.text);
      expect(await under.open().writeResult(FP, 'new', { text: '', version: 'another' })).toBe(false);
      expect(await under.open().writeResult(FP, 'new', there)).toBe(true);
      expect((await under.open().readResult(FP))?.text).toBe('new');
      expect(await under.open().readResult(fingerprint('b'.repeat(64)))).toBeUndefined();
    });

    test('that is away is told apart from an empty one', async () => {
      await using under = await make();
      const remote = under.open();
      await remote.writeResult(FP, 'x', undefined);
      await under.goAway();
      await expect(remote.readResult(FP)).rejects.toThrow(RemoteUnreachable);
      await expect(remote.sizes([digestOf('x')], { refresh: false })).rejects.toThrow(RemoteUnreachable);
      await expect(remote.writeResult(FP, 'y', undefined)).rejects.toThrow(RemoteUnreachable);
      using machine = new CacheMachine();
      const put = remote.put(digestOf('x'), machine.file(Buffer.from('x')), { replace: false });
      await expect(put).rejects.toThrow(RemoteUnreachable);
    });
  });

  describe(`${name}: a cache in front of it`, () => {
    test('finds what another machine published, and brings what is asked for, and no more', async () => {
      await using under = await make();
      using here = new CacheMachine();
      using there = new CacheMachine();
      const result = await here.result({ table: 'rows', folder: { 'a/b': 'one', c: 'two' } });
      expect(await here.cache(under).publish(result, { replace: false })).toEqual(result);
      const cache = there.cache(under);
      expect(await cache.find(FP)).toEqual(result);
      const { table, folder } = result.outputs;
      if (table === undefined || folder === undefined) throw new Error('lost');
      // The list of a folder is what says that its files are there.
      expect(there.store.blobs.size(folder.digest)).toBeDefined();
      expect(there.store.blobs.size(digestOf('rows'))).toBeUndefined();
      expect(there.store.blobs.size(digestOf('one'))).toBeUndefined();
      let travelled = 0;
      expect(await cache.bringAll([folder], (bytes) => (travelled += bytes))).toEqual([]);
      expect(travelled).toBe(6);
      expect(there.store.blobs.read(digestOf('two')).toString()).toBe('two');
      expect(await cache.bringAll(Object.values(result.outputs), (bytes) => (travelled += bytes))).toEqual(
        [],
      );
      expect(travelled).toBe(10);
      expect(there.store.results.isComplete(result)).toBe(true);
    });

    test('of two that publish other bytes for one fingerprint, the first wins for both', async () => {
      await using under = await make();
      using one = new CacheMachine();
      using two = new CacheMachine();
      const [first, second] = [await one.result({ x: '1' }), await two.result({ x: '2' })];
      const winners = await Promise.all([
        one.cache(under).publish(first, { replace: false }),
        two.cache(under).publish(second, { replace: false }),
      ]);
      expect(winners[0]).toEqual(winners[1]);
      using reader = new CacheMachine();
      expect(await reader.cache(under).find(FP)).toEqual(winners[0]);
      const forced = await two.cache(under).publish(second, { replace: true });
      expect(forced).toEqual(second);
      using later = new CacheMachine();
      expect(await later.cache(under).find(FP)).toEqual(second);
    });

    test('never takes bytes that are not what their digest says, and what is published anew mends them', async () => {
      await using under = await make();
      using here = new CacheMachine();
      const result = await here.result({ x: 'right' });
      await here.cache(under).publish(result, { replace: false });
      await under.damage(digestOf('right'), 'flip');
      using there = new CacheMachine();
      const cache = there.cache(under);
      expect(await cache.find(FP)).toEqual(result);
      expect(await cache.bring([digestOf('right')])).toEqual([digestOf('right')]);
      expect(there.store.blobs.size(digestOf('right'))).toBeUndefined();
      expect(await cache.find(FP)).toBeUndefined();
      const again = await there.result({ x: 'right' });
      await cache.publish(again, { replace: true });
      using third = new CacheMachine();
      expect(await third.cache(under).bring([digestOf('right')])).toEqual([]);
    });

    test('uses a blob again that was damaged, once it has come whole or was sent anew', async () => {
      await using under = await make();
      using here = new CacheMachine();
      await here.cache(under).publish(await here.result({ x: 'right' }), { replace: false });
      await under.damage(digestOf('right'), 'flip');
      using there = new CacheMachine();
      const finder = there.cache(under);
      expect(await finder.bring([digestOf('right')])).toEqual([digestOf('right')]);
      using third = new CacheMachine();
      const mender = third.cache(under);
      expect(await mender.bring([digestOf('right')])).toEqual([digestOf('right')]);
      const mended = await third.result({ x: 'right' });
      await mender.publish(mended, { replace: true });
      expect(await mender.find(FP, { isFresh: true })).toEqual(mended);
      expect(await finder.bring([digestOf('right')])).toEqual([]);
      expect(await finder.find(FP, { isFresh: true })).toEqual(mended);
    });

    test.each<[string, Damage, (result: Result) => Digest]>([
      ['a file', 'remove', () => digestOf('one')],
      ['a file in a folder', 'remove', () => digestOf('two')],
      ['the list of a folder', 'remove', listIn],
      ['the list of a folder', 'flip', listIn],
    ])('whoever makes a result again that has lost %s there (%s) sends that', async (_, how, digestIn) => {
      await using under = await make();
      using here = new CacheMachine();
      const outputs = { x: 'one', folder: { y: 'two' } };
      const first = await here.result(outputs);
      await here.cache(under).publish(first, { replace: false });
      await under.damage(digestIn(first), how);
      using there = new CacheMachine();
      const cache = there.cache(under);
      expect(await cache.find(FP)).toBeUndefined();
      await cache.publish(await there.result(outputs), { replace: false });
      using third = new CacheMachine();
      const reader = third.cache(under);
      const found = await reader.find(FP);
      expect(found?.outputs).toEqual(first.outputs);
      expect(await reader.bringAll(Object.values(first.outputs))).toEqual([]);
    });

    test('reads what is there when it is asked to mend it, and sends again what is damaged there and right here', async () => {
      await using under = await make();
      using here = new CacheMachine();
      const { blobs } = here.store;
      const keep = async (text: string): Promise<Digest> => (await blobs.putDurably(text)).digest;
      const [right, flipped, removed, large] = [
        await keep('right'),
        await keep('flipped'),
        await keep('removed'),
        await keep('larger than is read'),
      ];
      const all = [right, flipped, removed, large];
      expect(await here.cache(under).push(all)).toBe(true);
      await under.damage(flipped, 'flip');
      await under.damage(removed, 'remove');
      await under.damage(large, 'flip');
      expect(await here.cache(under).mend(all, 10)).toEqual({ sent: [flipped, removed], lost: [] });
      using there = new CacheMachine();
      expect(await there.cache(under).bring(all)).toEqual([large]);
      // Nobody has what only the others had.
      using another = new CacheMachine();
      expect(await another.cache(under).mend(all)).toEqual({ sent: [], lost: [large] });
      expect(await here.cache(under).mend(all)).toEqual({ sent: [large], lost: [] });
      using third = new CacheMachine();
      expect(await third.cache(under).bring(all)).toEqual([]);
    });

    test('does not send its own bytes in the place of damaged ones if they have decayed too', async () => {
      await using under = await make();
      using here = new CacheMachine();
      const { digest } = await here.store.blobs.putDurably('right');
      await here.cache(under).push([digest]);
      await under.damage(digest, 'flip');
      damageFile(here.store.blobs.path(digest), 'flip');
      expect(await here.cache(under).mend([digest])).toEqual({ sent: [], lost: [digest] });
    });

    test('a result that lacks a blob is none, and another takes its place', async () => {
      await using under = await make();
      using here = new CacheMachine();
      await here.cache(under).publish(await here.result({ x: 'lost' }), { replace: false });
      await under.damage(digestOf('lost'), 'remove');
      using there = new CacheMachine();
      expect(await there.cache(under).find(FP)).toBeUndefined();
      const other = await there.result({ x: 'other' });
      expect(await there.cache(under).publish(other, { replace: false })).toEqual(other);
      using third = new CacheMachine();
      expect(await third.cache(under).find(FP)).toEqual(other);
    });

    test('takes results of the keys that it lists, as they were signed, and of no others', async () => {
      await using under = await make();
      const [ours, theirs] = [newKey(), newKey()];
      using here = new CacheMachine();
      const result = await here.result({ x: '1' });
      const signer = new Signer(ours.privateKey);
      expect(signer.publicKey).toBe(ours.publicKey);
      const signed = await here.cache(under, { signer }).publish(result, { replace: false });
      const find = async (keys: readonly string[], warnings: string[] = []): Promise<Result | undefined> => {
        using machine = new CacheMachine();
        return await machine
          .cache(under, { accepted: acceptedKeys(keys), onWarning: (line) => void warnings.push(line) })
          .find(FP);
      };
      expect(await find([theirs.publicKey, ours.publicKey])).toEqual(signed);
      expect(await find(['any'])).toEqual(signed);
      const warnings: string[] = [];
      expect(await find([theirs.publicKey], warnings)).toBeUndefined();
      expect(warnings).toEqual([
        `results in ${under.open().name} are signed by nobody whom \`accept:\` lists, and are not used`,
      ]);
      // Younger than it is, a result with a ttl would never lapse.
      const forged = { ...signed, producer: { ...signed.producer, at: NOW + 1 } };
      const remote = under.open();
      await remote.writeResult(FP, JSON.stringify(forged), await remote.readResult(FP));
      expect(await find([ours.publicKey])).toBeUndefined();
      expect(await find(['any'])).toEqual(forged);
    });

    test('asks once an hour whether all is still there', async () => {
      await using under = await make();
      using here = new CacheMachine();
      await here.cache(under).publish(await here.result({ x: '1' }), { replace: false });
      using there = new CacheMachine();
      let now = NOW;
      const cache = there.cache(under, { now: () => now });
      const found = await cache.find(FP);
      expect(found).toBeDefined();
      await under.damage(digestOf('1'), 'remove');
      expect(await cache.find(FP)).toEqual(found);
      now += 3_600_000;
      expect(await cache.find(FP)).toBeUndefined();
    });

    test('one that may only read writes nothing', async () => {
      await using under = await make();
      using here = new CacheMachine();
      const result = await here.result({ x: '1' });
      expect(await here.cache(under, { readOnly: true }).publish(result, { replace: true })).toEqual(result);
      expect(await under.open().readResult(FP)).toBeUndefined();
    });

    test('that breaks off goes on where it broke, and after too many breaks with the next fetch', async () => {
      await using under = await make();
      using here = new CacheMachine();
      const bytes = Buffer.alloc(1_000_000, 'stockpot ');
      const digest = digestOf(bytes);
      await here.cache(under).publish(await here.result({ x: bytes.toString() }), { replace: false });
      using there = new CacheMachine();
      let given = 0;
      const breaking: Remote = {
        ...boundRemote(under.open()),
        get: async (wanted, from) => {
          const all = await under.open().get(wanted, from);
          return all === undefined ? undefined : first(all, 150_000, (count) => (given += count));
        },
      };
      const warnings: string[] = [];
      const cache = there.cacheOf(breaking, { onWarning: (line) => void warnings.push(line) });
      expect(await cache.bring([digest])).toEqual([digest]);
      expect(warnings.length).toBe(1);
      expect(given).toBe(450_000);
      given = 0;
      const again = (): Promise<Digest[]> =>
        there.cacheOf(breaking, { onWarning: (line) => void warnings.push(line) }).bring([digest]);
      expect(await again()).toEqual([digest]);
      expect(await again()).toEqual([]);
      expect(given).toBe(550_000);
      expect(there.store.blobs.read(digest).equals(bytes)).toBe(true);
    });

    test('tells what is lost from what is not known, for who needs to', async () => {
      await using under = await make();
      using here = new CacheMachine();
      const result = await here.result({ x: 'x', folder: { y: 'lost', z: 'there' } });
      await here.cache(under).publish(result, { replace: false });
      await under.damage(digestOf('lost'), 'remove');
      using there = new CacheMachine();
      const lines: string[] = [];
      const cache = there.cache(under, { onWarning: (line) => void lines.push(line) });
      const outputs = Object.values(result.outputs);
      expect(await cache.need(outputs)).toEqual([digestOf('lost')]);
      expect(there.store.blobs.read(digestOf('there')).toString()).toBe('there');
      await under.goAway();
      // Of what is here nobody is asked.
      expect(await cache.need([{ digest: digestOf('x'), kind: 'file' }])).toEqual([]);
      await expect(cache.need(outputs)).rejects.toThrow(RemoteUnreachable);
      // Nor is it asked again so soon.
      await expect(cache.need(outputs)).rejects.toThrow(RemoteUnreachable);
      expect(lines.length).toBe(1);
    });

    test('that is away is warned of once, and the own cache is used', async () => {
      await using under = await make();
      using here = new CacheMachine();
      const result = await here.result({ x: '1' });
      const warnings: string[] = [];
      const cache = here.cache(under, { onWarning: (line) => void warnings.push(line) });
      await under.goAway();
      expect(await cache.find(FP)).toBeUndefined();
      expect(await cache.publish(result, { replace: false })).toEqual(result);
      expect(await cache.bring([digestOf('other')])).toEqual([digestOf('other')]);
      expect(await cache.mend([digestOf('1')])).toBeUndefined();
      expect(warnings.length).toBe(1);
      expect(warnings[0]).toContain('the remote cache is not used from here on');
    });
  });
}

function listIn({ outputs }: Result): Digest {
  const { folder } = outputs;
  if (folder === undefined) throw new Error('there is no folder');
  return folder.digest;
}

async function collect(bytes: AsyncIterable<Uint8Array> | undefined): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes ?? []) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** So many bytes, and then the connection is gone, unless those were all. */
async function* first(
  bytes: AsyncIterable<Uint8Array>,
  limit: number,
  onBytes: (count: number) => void,
): AsyncIterable<Uint8Array> {
  let left = limit;
  for await (const chunk of bytes) {
    const part = chunk.subarray(0, left);
    left -= part.length;
    onBytes(part.length);
    yield part;
    if (left === 0) throw new Error('the connection was closed');
  }
}
