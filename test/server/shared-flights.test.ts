import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fingerprint } from '../../src/core/ids.ts';
import { FlightRecords } from '../../src/store/flight-records.ts';
import { FolderRemote } from '../../src/store/remote/folder-remote.ts';
import { HOST, ServerRig } from '../rigs/server-rig.ts';

const FP = 'a'.repeat(64);
const NONCE = '0'.repeat(32);
const FLIGHT = { fingerprint: fingerprint(FP), nonce: NONCE };

async function put(
  rig: ServerRig,
  path: string,
  payload: string | Buffer,
): Promise<{ readonly status: number; readonly message: unknown }> {
  const { statusCode, body } = await rig.app.inject({
    method: 'PUT',
    url: `/flights/${path}`,
    headers: { ...HOST, 'content-type': 'text/plain' },
    payload,
  });
  return { status: statusCode, message: (JSON.parse(body) as { message?: unknown }).message };
}

describe('records of flights, at a server', () => {
  test('lie in its cache, as whoever mounts it sees them', async () => {
    await using rig = ServerRig.create();
    expect(await put(rig, `${FP}/${NONCE}/start-1`, 'ü')).toEqual({ status: 201, message: undefined });
    expect(await put(rig, `${FP}/${NONCE}/start-1`, 'ü')).toEqual({
      status: 412,
      message: 'There is a record of this name.',
    });
    await using mounted = new FolderRemote(rig.store.layout.root, () => rig.now);
    expect(await mounted.readRecords(FLIGHT)).toEqual(new Map([['start-1', 'ü']]));
    await mounted.writeRecord(FLIGHT, 'cancel', '');
    const { body, headers } = await rig.app.inject({ url: `/flights/${FP}/${NONCE}`, headers: HOST });
    expect(JSON.parse(body)).toEqual({ records: { cancel: '', 'start-1': 'ü' } });
    expect(headers['content-type']).toBe('application/json; charset=utf-8');
  });

  test.each([
    [`x/${NONCE}/cancel`, /^Invalid fingerprint: it must be 64/],
    [`..%2f${FP.slice(3)}/${NONCE}/cancel`, /^Invalid fingerprint/],
    [`${FP}/x/cancel`, /^Invalid nonce: it must be 32 lower-case hex digits/],
    [`${FP}/${'A'.repeat(32)}/cancel`, /^Invalid nonce/],
    [`${FP}/${NONCE}/Start-1`, /^Invalid name of a record: it must be letters a-z/],
    [`${FP}/${NONCE}/..%2f..%2fx`, /^Invalid name of a record/],
    [`${FP}/${NONCE}/start-`, /^Invalid name of a record/],
  ])('%s is the address of none', async (path, message) => {
    await using rig = ServerRig.create();
    const answer = await put(rig, path, 'x');
    expect(answer).toEqual({ status: 400, message: expect.stringMatching(message) });
    expect(readdirSync(rig.store.layout.root)).not.toContain('flights');
  });

  test('are text of at most 64 KiB, and of one flight at most 1000', async () => {
    await using rig = ServerRig.create();
    const name = `${FP}/${NONCE}/end-1`;
    expect((await put(rig, name, Buffer.alloc(65_537, 'x'))).status).toBe(413);
    expect(await put(rig, name, Buffer.from([0xff]))).toEqual({
      status: 400,
      message: 'Invalid record: it must be text in UTF-8.',
    });
    expect(new FlightRecords(rig.store.layout).read(FLIGHT)).toEqual(new Map());
    expect((await put(rig, name, Buffer.alloc(65_536, 'x'))).status).toBe(201);
    const records = new FlightRecords(rig.store.layout);
    for (let n = 1; n < 1000; n += 1) records.write(FLIGHT, `start-${n}`, '');
    expect(await put(rig, `${FP}/${NONCE}/cancel`, '')).toEqual({
      status: 400,
      message: 'There are 1000 records of this flight: begin another one.',
    });
    expect(readdirSync(join(rig.store.layout.root, 'flights', FP, NONCE)).length).toBe(1000);
    expect(readdirSync(rig.store.layout.tmp)).toEqual([]);
  });
});
