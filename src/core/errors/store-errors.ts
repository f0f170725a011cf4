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
  DISK_FAILED: {
    exit: ExitCode.unavailable,
    message: (p: { path: string; problem: string }) =>
      `The disk that holds ${p.path} reports an error: ${p.problem}`,
    hint: () => 'Look at the disk; the same command goes on where this one ended.',
  },
  BLOB_DAMAGED: {
    exit: ExitCode.unavailable,
    message: (p: { digest: string; damage: 'missing' | 'corrupt' }) =>
      `The stored bytes ${p.digest} are ${p.damage}`,
    hint: () => 'Run the recipe again: what is lost is made again. `recipe cache fsck` looks for more.',
  },
  DATABASE_DAMAGED: {
    exit: ExitCode.unavailable,
    message: (p: { problem: string }) => `A database of this project is damaged: ${p.problem}`,
    hint: () =>
      'See with `recipe doctor` which it is. Delete index.db, a cache; take tracking.db from a backup.',
  },
  STORE_TOO_NEW: {
    exit: ExitCode.unavailable,
    message: (p: { path: string; found: number; known: number }) =>
      `${p.path} was written by a newer Stockpot (format ${p.found}, this one knows ${p.known})`,
    hint: () => 'Update Stockpot, or name another folder with STOCKPOT_HOME.',
  },
} as const satisfies Record<string, Entry>;
