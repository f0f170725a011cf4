import { ExitCode } from '../exit-code.ts';
import type { Entry } from './entry.ts';

/** What a component finds in data or in its own configuration. Documented in `docs/errors/data.md`. */
export const DATA_ERRORS = {
  DATA_FILE_EMPTY: {
    exit: ExitCode.stepFailed,
    message: (p: { file: string }) => `${p.file} has no rows`,
    hint: () => 'Check what writes the file, or the pattern that chose it.',
  },
} as const satisfies Record<string, Entry>;
