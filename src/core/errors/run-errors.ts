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
  INPUT_UNREADABLE: {
    exit: ExitCode.usage,
    message: (p: { step: string; input: string; path: string }) =>
      `The input ${p.input} of the step ${p.step} may not be read: ${p.path}`,
    hint: () => 'Give yourself the right to read it: of a folder, to list and to enter it.',
  },
  INPUT_NOT_FOUND: {
    exit: ExitCode.usage,
    message: (p: { step: string; input: string; path: string }) =>
      `The input ${p.input} of the step ${p.step} does not exist: ${p.path}`,
    hint: () => 'Create the file, or correct the path: it starts at the folder of the project.',
  },
  LINK_BROKEN: {
    exit: ExitCode.usage,
    message: (p: { path: string; problem: string }) => `The symbolic link ${p.path} ${p.problem}`,
    hint: () => 'Correct or remove the link: a link counts as what it points to.',
  },
  CODE_NOT_FOUND: {
    exit: ExitCode.usage,
    message: (p: { step: string; path: string }) =>
      `The code of the step ${p.step} does not exist: ${p.path}`,
    hint: () => 'Create the file, or correct `uses:` or `code:`: paths start at the folder of the project.',
  },
  TOOL_NOT_FOUND: {
    exit: ExitCode.unavailable,
    message: (p: { step: string; tool: string }) =>
      `The step ${p.step} needs ${p.tool}, which is not on the PATH`,
    hint: (p: { tool: string }) => `Install ${p.tool}, or correct the recipe.`,
  },
  SECRET_NOT_FOUND: {
    exit: ExitCode.usage,
    message: (p: { step: string; secret: string }) =>
      `The secret ${p.secret} of the step ${p.step} has no value`,
    hint: (p: { secret: string }) =>
      `Set STOCKPOT_SECRET_${p.secret}, or say in the profile's \`secrets:\` where it comes from.`,
  },
  GPUS_LACKING: {
    exit: ExitCode.usage,
    message: (p: { step: string; wanted: number; there: number }) =>
      `The step ${p.step} needs ${p.wanted} GPUs, and steps on this machine may have ${p.there}`,
    hint: () =>
      'Say with `gpus:` in the profile which there are, ask for fewer, or run it on a fleet that has them.',
  },
  PROBE_FAILED: {
    exit: ExitCode.unavailable,
    message: (p: { step: string; what: string; problem: string }) =>
      `The probe of the step ${p.step} got no answer from ${p.what}: ${p.problem}`,
    hint: () => 'Try again, or use the last answer with --offline.',
  },
  REFERENCE_UNREACHABLE: {
    exit: ExitCode.unavailable,
    message: (p: { reference: string; problem: string }) => `Cannot reach ${p.reference}: ${p.problem}`,
    hint: () => 'Try again, or use the copy of the last run with --offline.',
  },
  REFERENCE_NOT_FOUND: {
    exit: ExitCode.usage,
    message: (p: { reference: string }) => `${p.reference} does not exist`,
    hint: () => 'Correct the reference, or create what it names.',
  },
  RUN_NOT_GOING_ON: {
    exit: ExitCode.usage,
    message: (p: { run: string | undefined; going: readonly string[] }) =>
      p.run === undefined
        ? p.going.length === 0
          ? 'No run of this project goes on on this machine'
          : 'Several runs of this project go on'
        : `No run of this project whose id begins with ${p.run} goes on on this machine`,
    hint: (p: { going: readonly string[] }) =>
      p.going.length === 0
        ? 'A run is cancelled on the machine where it was started.'
        : `Name one of ${p.going.join(', ')}.`,
  },
  RUN_OF_ANOTHER_LEDGER: {
    exit: ExitCode.usage,
    message: (p: { run: string; pid: number }) =>
      `The run ${p.run} is one of those of the process ${p.pid}, and the ledger that is asked here does not know it`,
    hint: () =>
      'Set STOCKPOT_DATABASE_URL and STOCKPOT_SERVER_URL as they are for its driver or scheduler. Ctrl-C there ends all of its runs.',
  },
  RUN_NOT_FOUND: {
    exit: ExitCode.usage,
    message: (p: { run: string }) => `There is no run ${p.run}`,
    hint: () => 'List them with `recipe runs list`.',
  },
  STEP_NEVER_RAN: {
    exit: ExitCode.usage,
    message: (p: { step: string; recipe: string }) => `The step ${p.step} of ${p.recipe} has not run yet`,
    hint: (p: { recipe: string }) => `Run it with \`recipe run ${p.recipe}\`.`,
  },
  CARD_FAILED: {
    exit: ExitCode.stepFailed,
    message: (p: { step: string; module: string; problem: string }) =>
      `The card of the step ${p.step} could not be made by ${p.module}: ${p.problem}`,
    hint: () => 'Correct the export `card`: docs/step-protocol.md shows what it may give.',
  },
  OUTPUT_UNKNOWN: {
    exit: ExitCode.usage,
    message: (p: { step: string; output: string; known: readonly string[] }) =>
      `The step ${p.step} has no output ${p.output}`,
    hint: (p: { known: readonly string[] }) => `Choose one of ${p.known.join(', ')}.`,
  },
  PATH_UNSAFE: {
    exit: ExitCode.usage,
    message: (p: { path: string }) => `${p.path} leads out of its folder`,
    hint: () => 'Use a path below the folder of the project.',
  },
} as const satisfies Record<string, Entry>;
