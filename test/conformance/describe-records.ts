import { randomBytes } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Fingerprint, fingerprint } from '../../src/core/ids.ts';
import { type Flight, RemoteUnreachable } from '../../src/store/remote/remote.ts';
import type { RemoteUnderTest } from './describe-remote.ts';

const FP = fingerprint('f'.repeat(64));
const LONGEST = 65_536;

/** A flight that no other test writes to. */
function newFlight(): Flight {
  return { fingerprint: FP, nonce: randomBytes(16).toString('hex') };
}

/** What any remote must do with records of flights. */
export function describeRecords(name: string, make: () => Promise<RemoteUnderTest>): void {
  describe(`${name}: records of flights`, () => {
    test('come back as they were written, all of a flight and no others', async () => {
      await using under = await make();
      const [writer, reader] = [under.open(), under.open()];
      const names = fc.stringMatching(/^[a-z]{1,32}(-\d{1,16})?$/);
      const texts = fc.string({ unit: 'grapheme', maxLength: 300 });
      await fc.assert(
        fc.asyncProperty(
          fc.dictionary(names, texts, { maxKeys: 6, noNullPrototype: true }),
          async (records) => {
            const flight = newFlight();
            expect(await reader.readRecords(flight)).toEqual(new Map());
            for (const [record, text] of Object.entries(records))
              expect(await writer.writeRecord(flight, record, text)).toBe(true);
            expect(await reader.readRecords(flight)).toEqual(new Map(Object.entries(records)));
          },
        ),
        { numRuns: 15 },
      );
      const other = { ...newFlight(), fingerprint: fingerprint('e'.repeat(64)) };
      await writer.writeRecord(other, 'cancel', '');
      expect(await reader.readRecords(other)).toEqual(new Map([['cancel', '']]));
      expect(await reader.readRecords({ ...other, fingerprint: FP })).toEqual(new Map());
    });

    test('of many who write one at once one succeeds, and it stays as that one wrote it', async () => {
      await using under = await make();
      const flight = newFlight();
      const writers = Array.from({ length: 8 }, (_, n) => ({ remote: under.open(), text: `{"n":${n}}` }));
      const won = await Promise.all(
        writers.map(({ remote, text }) => remote.writeRecord(flight, 'start-1', text)),
      );
      expect(won.filter(Boolean).length).toBe(1);
      expect(await under.open().writeRecord(flight, 'start-1', 'late')).toBe(false);
      expect(await under.open().writeRecord(flight, 'start-2', 'next')).toBe(true);
      expect(await under.open().readRecords(flight)).toEqual(
        new Map([
          ['start-1', writers[won.indexOf(true)]?.text],
          ['start-2', 'next'],
        ]),
      );
    });

    test('are never read by halves, however often they are looked at while they are written', async () => {
      await using under = await make();
      const [writer, reader] = [under.open(), under.open()];
      const flight = newFlight();
      const text = 'x'.repeat(LONGEST);
      const writing = (async () => {
        for (let n = 1; n <= 20; n += 1) await writer.writeRecord(flight, `start-${n}`, text);
      })();
      const lengths = new Set<number>();
      for (let look = 0; look < 30; look += 1)
        for (const read of (await reader.readRecords(flight)).values()) lengths.add(read.length);
      await writing;
      for (const read of (await reader.readRecords(flight)).values()) lengths.add(read.length);
      expect([...lengths]).toEqual([LONGEST]);
    });

    test('that are taken away are gone, the others stay, and their names can be given again', async () => {
      await using under = await make();
      const [writer, other] = [under.open(), under.open()];
      const flight = newFlight();
      for (const record of ['cancel', 'end-1', 'end-2', 'end-10'])
        await writer.writeRecord(flight, record, 'x');
      await other.removeRecords(flight, ['end-1', 'end-3', 'end-10']);
      await writer.removeRecords(flight, ['end-1']);
      await writer.removeRecords(newFlight(), ['end-2']);
      expect(Object.fromEntries(await writer.readRecords(flight))).toEqual({ cancel: 'x', 'end-2': 'x' });
      expect(await writer.writeRecord(flight, 'end-2', 'y')).toBe(false);
      expect(await writer.writeRecord(flight, 'end-1', 'y')).toBe(true);
      expect((await other.readRecords(flight)).get('end-1')).toBe('y');
      await expect(writer.removeRecords(flight, ['../../results'])).rejects.toThrow(RangeError);
    });

    test('of the highest numbers are there if no more are asked for', async () => {
      await using under = await make();
      const remote = under.open();
      const flight = newFlight();
      for (let n = 1; n <= 12; n += 1) await remote.writeRecord(flight, `start-${n}`, `${n}`);
      const newest = await remote.readRecords(flight, 3);
      expect(['start-10', 'start-11', 'start-12'].map((record) => newest.get(record))).toEqual([
        '10',
        '11',
        '12',
      ]);
      expect((await remote.readRecords(flight, 20)).size).toBe(12);
    });

    test.each([
      '',
      'Start-1',
      'start_1',
      'start-',
      '-1',
      'start-1-2',
      '../cancel',
      'start/1',
      'x'.repeat(33),
    ])('none is called %j', async (record) => {
      await using under = await make();
      const flight = newFlight();
      await expect(under.open().writeRecord(flight, record, 'x')).rejects.toThrow(RangeError);
      expect(await under.open().readRecords(flight)).toEqual(new Map());
    });

    test('what is no flight, or over 64 KiB, is not taken', async () => {
      await using under = await make();
      const remote = under.open();
      for (const wrong of [
        { nonce: '../../results' },
        { nonce: 'A'.repeat(32) },
        { nonce: 'a'.repeat(31) },
        { fingerprint: '..' as Fingerprint },
      ]) {
        const flight = { ...newFlight(), ...wrong };
        await expect(remote.writeRecord(flight, 'cancel', 'x')).rejects.toThrow(RangeError);
        await expect(remote.readRecords(flight)).rejects.toThrow(RangeError);
      }
      const flight = newFlight();
      // Of two bytes each.
      const tooLong = 'ü'.repeat(LONGEST / 2 + 1);
      await expect(remote.writeRecord(flight, 'end-1', tooLong)).rejects.toThrow(RangeError);
      expect(await remote.writeRecord(flight, 'end-1', tooLong.slice(1))).toBe(true);
      expect(await remote.readRecords(flight)).toEqual(new Map([['end-1', tooLong.slice(1)]]));
    });

    test('of one that is away are told apart from none', async () => {
      await using under = await make();
      const remote = under.open();
      const flight = newFlight();
      await remote.writeRecord(flight, 'start-1', 'x');
      await under.goAway();
      await expect(remote.readRecords(flight)).rejects.toThrow(RemoteUnreachable);
      await expect(remote.writeRecord(flight, 'start-2', 'x')).rejects.toThrow(RemoteUnreachable);
      await expect(remote.removeRecords(flight, ['start-1'])).rejects.toThrow(RemoteUnreachable);
    });
  });
}
