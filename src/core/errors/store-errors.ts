import { ExitCode } from '../exit-code.ts';
import type { Entry } from './entry.ts';

/** What can go wrong with the cache and the disk below it. Documented in `docs/errors/store.md`. */
export const STORE_ERRORS = {
  DISK_FULL: {
    exit: ExitCode.unavailable,
    message: (p: { path: string }) => `No space left on the disk that holds ${p.path}`,
    hint: () => 'Free some space, or shrink the cache with `recipe cache gc --max-size 1GiB`.',
  },
  HOME_READ_ONLY: {
    exit: ExitCode.unavailable,
    message: (p: { path: string }) => `Cannot write to ${p.path}`,
    hint: () => 'Make the folder writable, or name another with STOCKPOT_HOME.',
  },
  STORE_TOO_NEW: {
    exit: ExitCode.unavailable,
    message: (p: { path: string; found: number; known: number }) =>
      `${p.path} was written by a newer Stockpot (format ${p.found}, this one knows ${p.known})`,
    hint: () => 'Update Stockpot, or name another folder with STOCKPOT_HOME.',
  },
} as const satisfies Record<string, Entry>;
