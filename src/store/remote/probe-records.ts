import { randomBytes } from 'node:crypto';
import type { Fingerprint } from '../../core/ids.ts';
import { digestOf } from '../hash.ts';
import type { Probe } from './probe-remote.ts';
import { isRemoteProblem, type Remote } from './remote.ts';

/** So many write a record at once: of them one may succeed. */
const WRITERS = 8;

/** Puts a fleet's records of a flight that nobody flies into a remote, and looks how it takes them. */
export async function probeRecords(remote: Remote): Promise<Probe> {
  const flight = {
    fingerprint: digestOf(randomBytes(32)) as string as Fingerprint,
    nonce: randomBytes(16).toString('hex'),
  };
  try {
    const won = await Promise.all(
      Array.from({ length: WRITERS }, (_, n) => remote.writeRecord(flight, 'start-1', `probe ${n}`)),
    );
    const records = await remote.readRecords(flight);
    const winners = won.filter(Boolean).length;
    return {
      problem: records.has('start-1') ? undefined : 'a record did not come back',
      isExclusive: winners === 1 && records.get('start-1') === `probe ${won.indexOf(true)}`,
    };
  } catch (error) {
    if (!isRemoteProblem(error)) throw error;
    return { problem: error.message, isExclusive: false };
  }
}
