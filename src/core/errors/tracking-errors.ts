import { ExitCode } from '../exit-code.ts';
import type { Entry } from './entry.ts';

/** As much of a filter as fits a line, with what stands at `column` in it. */
function around(filter: string, column: number): string {
  const start = Math.max(0, Math.min(column - 60, filter.length - 120));
  const shown = filter.slice(start, start + 120);
  return `${start > 0 ? '…' : ''}${shown}${start + 120 < filter.length ? '…' : ''}`;
}

/** What can go wrong with tracked runs and registered models. Documented in `docs/errors/tracking.md`. */
export const TRACKING_ERRORS = {
  TRACKED_RUN_NOT_FOUND: {
    exit: ExitCode.usage,
    message: (p: { id: string }) => `There is no tracked run ${p.id}`,
    hint: () => 'List them with `recipe runs list`.',
  },
  TRACKED_RUN_AMBIGUOUS: {
    exit: ExitCode.usage,
    message: (p: { id: string; matches: readonly string[] }) =>
      `Several tracked runs begin with ${p.id}: ${p.matches.join(', ')} …`,
    hint: () => 'Give more of the id.',
  },
  TRACKED_RUN_DELETED: {
    exit: ExitCode.usage,
    message: (p: { id: string }) => `The tracked run ${p.id} is deleted and takes no writes`,
    hint: () => 'Restore it first.',
  },
  PARAM_CHANGED: {
    exit: ExitCode.usage,
    message: (p: { run: string; key: string; before: string; after: string }) =>
      `The parameter ${p.key} of run ${p.run} is ${p.before} and cannot become ${p.after}`,
    hint: () => 'Start another run: a parameter says what a run was given, and stays.',
  },
  TRACKING_VALUE_INVALID: {
    exit: ExitCode.usage,
    message: (p: { what: string; value: string; rule: string }) =>
      `Not a valid ${p.what}: ${JSON.stringify(p.value)} (${p.rule})`,
  },
  PAGE_TOKEN_INVALID: {
    exit: ExitCode.usage,
    message: (p: { token: string }) => `No page begins with the token ${p.token}`,
    hint: () => 'Give the token of the page before, as it is.',
  },
  COLUMN_UNKNOWN: {
    exit: ExitCode.usage,
    message: (p: { column: string; nearest: string | undefined; known: readonly string[] }) =>
      `No tracked run has ${p.column}`,
    hint: (p: { nearest: string | undefined; known: readonly string[] }) =>
      p.nearest === undefined
        ? `There are ${p.known.slice(0, 20).join(', ')}${p.known.length > 20 ? ' …' : ''}.`
        : `Did you mean ${p.nearest}?`,
  },
  REGISTRY_NAME_INVALID: {
    exit: ExitCode.usage,
    message: (p: { what: string; name: string; rule: string }) =>
      `Not a name of ${p.what === 'alias' ? 'an alias' : `a ${p.what}`}: ${JSON.stringify(p.name)} (${p.rule})`,
  },
  MODEL_NOT_FOUND: {
    exit: ExitCode.usage,
    message: (p: { model: string; nearest: string | undefined }) => `There is no registered model ${p.model}`,
    hint: (p: { nearest: string | undefined }) =>
      p.nearest === undefined ? 'List them with `recipe models list`.' : `Did you mean ${p.nearest}?`,
  },
  REGISTRY_NOT_NAMED: {
    exit: ExitCode.usage,
    message: (p: { dir: string }) => `There is no recipe in ${p.dir}, and no server of models is named`,
    hint: () =>
      'Go to a project, or name the server: `--tracking https://…`, or STOCKPOT_TRACKING_URL or STOCKPOT_REGISTRY_URL.',
  },
  FILTER_INVALID: {
    exit: ExitCode.usage,
    message: (p: { filter: string; problem: string; column: number }) =>
      `Not understood at column ${p.column} of ${around(p.filter, p.column)}: ${p.problem}`,
    hint: () =>
      "Write comparisons joined by AND, as in metrics.test_roc_auc > 0.6 AND params.train.using = 'gbdt'.",
  },
  MODEL_REJECTED: {
    exit: ExitCode.gateClosed,
    message: (p: { model: string; version: string; alias: string }) =>
      `Version ${p.version} of ${p.model} is REJECTED by its last evaluation, and ${p.alias} does not point to it`,
    hint: (p: { model: string }) =>
      `See why with \`recipe card evaluate\`; change the recipe or its validation_criteria, run it again, and promote what is VALIDATED (\`recipe models show ${p.model}\`).`,
  },
  CHAMPION_CHANGED: {
    exit: ExitCode.gateClosed,
    message: (p: { model: string; version: string; alias: string; judgedAgainst: string; now: string }) =>
      `Version ${p.version} of ${p.model} was judged against ${p.judgedAgainst}, and ${p.alias} is now ${p.now}`,
    hint: () => 'Run the recipe again: its evaluation then compares with what is live now.',
  },
  ALIAS_MOVED: {
    exit: ExitCode.usage,
    message: (p: { model: string; alias: string; version: string }) =>
      `The alias ${p.alias} of ${p.model} was moved to version ${p.version} meanwhile`,
    hint: () => 'Look with `recipe models show`, and promote again if that is still meant.',
  },
  PROMOTION_REFUSED: {
    exit: ExitCode.gateClosed,
    message: (p: { model: string; version: string; problem: string }) =>
      `Version ${p.version} of ${p.model} is not promoted: ${p.problem}`,
  },
  ADDRESS_INVALID: {
    exit: ExitCode.usage,
    message: (p: { name: string; rule: string }) => `${p.name} ${p.rule}`,
    hint: () => 'Write it as in postgres://USER@HOST/NAME, or http://HOST:PORT of an MLflow server.',
  },
  TRACKING_UNREACHABLE: {
    exit: ExitCode.unavailable,
    message: (p: { server: string; problem: string }) =>
      `Cannot reach the tracking server ${p.server}: ${p.problem}`,
    hint: () => 'Check that it runs there; what a run could not write, the next command writes.',
  },
  TRACKING_REFUSED: {
    exit: ExitCode.unavailable,
    message: (p: { server: string; request: string; problem: string }) =>
      `The tracking server ${p.server} refused ${p.request}: ${p.problem}`,
    hint: () =>
      'If it asks who you are: `recipe login URL`, STOCKPOT_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD.',
  },
  TRACKING_FORBIDDEN: {
    exit: ExitCode.usage,
    message: (p: { server: string; request: string; problem: string }) =>
      `The tracking server ${p.server} does not allow ${p.request}: ${p.problem}`,
    hint: () => 'Ask who manages it, or who administers the server: `recipe server grant`.',
  },
} as const satisfies Record<string, Entry>;
