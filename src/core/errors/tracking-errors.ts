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
  FILTER_INVALID: {
    exit: ExitCode.usage,
    message: (p: { filter: string; problem: string; column: number }) =>
      `The filter ${p.filter} is not understood: ${p.problem} at column ${p.column}`,
    hint: () =>
      "Write comparisons joined by AND, as in metrics.test_roc_auc > 0.6 AND params.train.using = 'gbdt'.",
  },
  ALIAS_MOVED: {
    exit: ExitCode.usage,
    message: (p: { model: string; alias: string; version: string }) =>
      `The alias ${p.alias} of ${p.model} was moved to version ${p.version} meanwhile`,
    hint: () => 'Look with `recipe models show`, and promote again if that is still meant.',
  },
} as const satisfies Record<string, Entry>;
