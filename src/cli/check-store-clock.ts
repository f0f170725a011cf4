import { randomUUID } from 'node:crypto';
import { rmSync, statSync, writeFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import type { Clock } from '../core/world.ts';
import type { Check } from './check.ts';
import { checkClock } from './check-clock.ts';

/**
 * Whether a shared folder dates files as this machine would: gc leaves alone what is younger than a day. A server's
 * clock is the server's matter, and S3 refuses whoever is a quarter of an hour off.
 *
 * @param root as the remote is called
 */
export function checkStoreClock(root: string, clock: Clock): Check[] {
  if (!isAbsolute(root)) return [];
  const path = join(root, `clock-${randomUUID()}`);
  try {
    const before = clock.now();
    writeFileSync(path, '');
    const { mtimeMs } = statSync(path);
    return [checkClock('store clock', 'the shared cache', mtimeMs - (before + clock.now()) / 2)];
  } finally {
    rmSync(path, { force: true });
  }
}
