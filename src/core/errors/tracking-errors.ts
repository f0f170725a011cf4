import { ExitCode } from '../exit-code.ts';
import type { Entry } from './entry.ts';

/** What can go wrong with tracked runs and registered models. Documented in `docs/errors/tracking.md`. */
export const TRACKING_ERRORS = {
  TRACKED_RUN_NOT_FOUND: {
    exit: ExitCode.usage,
    message: (p: { id: string }) => `There is no tracked run ${p.id}`,
    hint: () => 'List them with `recipe runs list`.',
  },
  MODEL_NOT_FOUND: {
    exit: ExitCode.usage,
    message: (p: { model: string }) => `There is no registered model ${p.model}`,
    hint: () => 'List them with `recipe models list`.',
  },
} as const satisfies Record<string, Entry>;
