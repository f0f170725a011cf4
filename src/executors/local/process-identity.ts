import { bootId, type ProcessIdentity } from '../../engine/single-flight.ts';
import { startOf } from './spawn.ts';

/** Enough to tell a process from a later one of the same pid. */
export function identityOf(pid: number): ProcessIdentity {
  return { pid, boot: bootId(), started: startOf(pid) ?? '' };
}

export function isAlive({ pid, boot, started }: ProcessIdentity): boolean {
  return boot === bootId() && started !== '' && startOf(pid) === started;
}
