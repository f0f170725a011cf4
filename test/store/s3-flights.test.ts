import { describe, expect, test } from 'vitest';
import { fingerprint } from '../../src/core/ids.ts';
import { RemoteRefused, RemoteUnreachable } from '../../src/store/remote/remote.ts';
import { remoteOf } from '../rigs/s3-rig.ts';
import { S3Server } from '../rigs/s3-server.ts';

const FLIGHT = { fingerprint: fingerprint('f'.repeat(64)), nonce: '0'.repeat(32) };
const AT = `bucket/p/flights/${FLIGHT.fingerprint}/${FLIGHT.nonce}`;

describe('records of flights on S3', () => {
  test('lie one by one, and are listed page by page, whatever else lies beside them', async () => {
    await using server = await S3Server.start({ pageSize: 3 });
    await using remote = remoteOf(server, { prefix: 'p/' });
    const names = Array.from({ length: 10 }, (_, n) => `start-${n}`);
    for (const name of names) await remote.writeRecord(FLIGHT, name, `of ${name}`);
    expect([...server.objects.keys()]).toEqual(names.map((name) => `${AT}/${name}`));
    for (const strange of [`${AT}/README.txt`, `${AT}0/cancel`]) server.store(strange, Buffer.from('x'));
    server.calls.length = 0;
    const records = await remote.readRecords(FLIGHT);
    expect(records).toEqual(new Map(names.map((name) => [name, `of ${name}`])));
    expect(server.calls.filter(({ query }) => query.has('list-type')).length).toBe(4);
  });

  test('no more are asked for than are wanted', async () => {
    await using server = await S3Server.start();
    await using remote = remoteOf(server, { prefix: 'p/' });
    for (let n = 1; n <= 30; n += 1) await remote.writeRecord(FLIGHT, `end-${n}`, `${n}`);
    server.calls.length = 0;
    expect([...(await remote.readRecords(FLIGHT, 4)).keys()].toSorted()).toEqual([
      'end-27',
      'end-28',
      'end-29',
      'end-30',
    ]);
    expect(server.calls.length).toBe(5);
  });

  test('a key that may not take records away is refused', async () => {
    await using server = await S3Server.start();
    await using remote = remoteOf(server, { prefix: 'p/' });
    await remote.writeRecord(FLIGHT, 'end-1', '');
    server.fault = ({ method }) => (method === 'DELETE' ? { status: 403, code: 'AccessDenied' } : undefined);
    await expect(remote.removeRecords(FLIGHT, ['end-1'])).rejects.toThrow(RemoteRefused);
  });

  test('one that goes between list and look is none', async () => {
    await using server = await S3Server.start();
    await using remote = remoteOf(server, { prefix: 'p/' });
    for (const name of ['cancel', 'end-1']) await remote.writeRecord(FLIGHT, name, name);
    server.fault = ({ query }) => {
      if (!query.has('list-type')) server.objects.delete(`${AT}/cancel`);
      return undefined;
    };
    expect(await remote.readRecords(FLIGHT)).toEqual(new Map([['end-1', 'end-1']]));
  });

  test('one that was written without an answer is written, unless another was first', async () => {
    await using server = await S3Server.start();
    await using remote = remoteOf(server, { prefix: 'p/' });
    let others: string | undefined;
    let isFirst = true;
    server.fault = () => {
      if (!isFirst) return undefined;
      isFirst = false;
      if (others !== undefined) server.store(`${AT}/end-1`, Buffer.from(others));
      return others === undefined ? 'silence' : { status: 500, code: 'InternalError' };
    };
    expect(await remote.writeRecord(FLIGHT, 'start-1', 'mine')).toBe(true);
    [others, isFirst] = ['theirs', true];
    expect(await remote.writeRecord(FLIGHT, 'end-1', 'mine')).toBe(false);
  });

  test('where there are no conditions one that is there already stays', async () => {
    await using server = await S3Server.start({ conditions: 'not implemented' });
    await using remote = remoteOf(server, { prefix: 'p/' });
    expect(await remote.writeRecord(FLIGHT, 'start-1', 'first')).toBe(true);
    expect(await remote.writeRecord(FLIGHT, 'start-1', 'first')).toBe(false);
    expect(await remote.readRecords(FLIGHT)).toEqual(new Map([['start-1', 'first']]));
  });

  test('refused, a key that may not list; out of reach, a bucket that breaks off', async () => {
    await using server = await S3Server.start();
    await using remote = remoteOf(server, { prefix: 'p/' });
    server.fault = ({ query }) =>
      query.has('list-type') ? { status: 403, code: 'AccessDenied' } : undefined;
    const read = remote.readRecords(FLIGHT);
    await expect(read).rejects.toThrow(RemoteRefused);
    await expect(read).rejects.toThrow('s3:ListBucket');
    server.fault = () => 'half';
    await expect(remote.readRecords(FLIGHT)).rejects.toThrow(RemoteUnreachable);
    await using elsewhere = remoteOf(server, { bucket: 'other' });
    server.fault = () => undefined;
    await expect(elsewhere.readRecords(FLIGHT)).rejects.toThrow('NoSuchBucket');
    await expect(elsewhere.writeRecord(FLIGHT, 'cancel', '')).rejects.toThrow(RemoteRefused);
  });
});
