import { ExitCode } from '../exit-code.ts';
import type { Entry } from './entry.ts';

/** What a run, its references and its addresses can end in. Documented in `docs/errors/run.md`. */
export const RUN_ERRORS = {
  STEP_UNKNOWN: {
    exit: ExitCode.usage,
    message: (p: { step: string; recipe: string; known: readonly string[] }) =>
      `The recipe ${p.recipe} has no step ${p.step}`,
    hint: (p: { known: readonly string[] }) => `Choose one of ${p.known.join(', ')}.`,
  },
  INPUT_NOT_FOUND: {
    exit: ExitCode.usage,
    message: (p: { step: string; input: string; path: string }) =>
      `The input ${p.input} of the step ${p.step} does not exist: ${p.path}`,
    hint: () => 'Create the file, or correct the path: it starts at the folder of the project.',
  },
} as const satisfies Record<string, Entry>;
