import { setTimeout as wait } from 'node:timers/promises';
import type { Fingerprint } from '../core/ids.ts';
import type { SingleFlight } from './single-flight.ts';

const POLL_MS = 50;

/** Runs `work` while no other process of this machine runs what has the same name. */
export async function alone<T>(flight: SingleFlight, name: string, work: () => Promise<T>): Promise<T> {
  const key = name as Fingerprint;
  while (flight.take(key) !== undefined) await wait(POLL_MS);
  try {
    return await work();
  } finally {
    flight.release(key);
  }
}
