import { isDigest } from '../../core/ids.ts';
import type { Flight } from './remote.ts';

/** UTF-8: no record is longer. */
export const MAX_RECORD_BYTES = 1 << 16;

/** In the place of a nonce: what all tries at a task have in common. */
export const OF_ALL = '0'.repeat(32);

const NONCE = /^[0-9a-f]{32}$/;
const NAME = /^[a-z]{1,32}(?:-\d{1,16})?$/;

export function isNonce(text: string): boolean {
  return NONCE.test(text);
}

export function isRecordName(text: string): boolean {
  return NAME.test(text);
}

/**
 * Where the records of a flight lie, in any remote.
 *
 * @throws RangeError if it is none
 */
export function flightPath({ fingerprint, nonce }: Flight): string {
  if (!isDigest(fingerprint) || !isNonce(nonce))
    throw new RangeError(`Not a flight: ${fingerprint}/${nonce}`);
  return `flights/${fingerprint}/${nonce}`;
}

/** @throws RangeError if it is the name of none */
export function recordPath(flight: Flight, name: string): string {
  if (!isRecordName(name)) throw new RangeError(`Not the name of a record: ${name}`);
  return `${flightPath(flight)}/${name}`;
}

/** @throws RangeError if there are more than `MAX_RECORD_BYTES` */
export function recordBytes(text: string): Buffer<ArrayBuffer> {
  const bytes = Buffer.from(text);
  if (bytes.length > MAX_RECORD_BYTES)
    throw new RangeError(`A record of ${bytes.length} bytes: ${MAX_RECORD_BYTES} are the most`);
  return bytes;
}
