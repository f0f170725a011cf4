import { ExitCode } from '../exit-code.ts';
import type { Entry } from './entry.ts';

/** What can go wrong with backups of the tracking database. Documented in `docs/errors/backup.md`. */
export const BACKUP_ERRORS = {
  BACKUP_TARGET_TAKEN: {
    exit: ExitCode.usage,
    message: (p: { path: string }) => `There is something in ${p.path}`,
    hint: () => 'Name a folder that is not there yet: each backup has one of its own.',
  },
  BACKUP_INVALID: {
    exit: ExitCode.usage,
    message: (p: { path: string; problem: string }) => `${p.path} is no whole backup: ${p.problem}`,
    hint: () => 'Take another backup: this one was cut off or changed.',
  },
  RESTORE_TARGET_NOT_EMPTY: {
    exit: ExitCode.usage,
    message: (p: { database: string }) => `The database ${p.database} holds something already`,
    hint: () => 'Restore into a new folder or database, and look at it before it takes the place of another.',
  },
} as const satisfies Record<string, Entry>;
