import { ExitCode } from '../exit-code.ts';
import type { Entry } from './entry.ts';

/** A name or an expression of any length, for one line. */
function brief(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

/** The environment variables of what a profile may name without a password. */
const VARIABLES: Readonly<Record<string, string>> = {
  database: 'STOCKPOT_DATABASE_URL',
  tracking: 'STOCKPOT_TRACKING_URL',
  model_registry: 'STOCKPOT_REGISTRY_URL',
};

/** What can be wrong with recipes, templates, profiles and `--set`. Documented in `docs/errors/recipe.md`. */
export const RECIPE_ERRORS = {
  RECIPE_NOT_FOUND: {
    exit: ExitCode.usage,
    message: (p: { recipe: string; dir: string; known: readonly string[]; hasOwn?: boolean }) =>
      p.recipe === '' ? `There is no recipe in ${p.dir}` : `There is no recipe ${p.recipe} in ${p.dir}`,
    hint: (p: { recipe: string; known: readonly string[]; hasOwn?: boolean }) =>
      p.hasOwn === true
        ? `A step of the recipe in this folder is written :${p.recipe}.`
        : p.known.length === 0
          ? 'Create one with `recipe init --data FILE --target COLUMN`.'
          : `Choose one of ${p.known.join(', ')}.`,
  },
  TEMPLATE_NOT_FOUND: {
    exit: ExitCode.usage,
    message: (p: { template: string; known: readonly string[]; near: string | undefined }) =>
      `There is no template ${p.template}`,
    hint: (p: { known: readonly string[]; near: string | undefined }) =>
      p.near === undefined
        ? `Use one of ${p.known.join(', ')}, or write templates/NAME.yaml.`
        : `Did you mean ${p.near}?`,
  },
  PROFILE_NOT_FOUND: {
    exit: ExitCode.usage,
    message: (p: { profile: string; known: readonly string[] }) => `There is no profile ${p.profile}`,
    hint: (p: { known: readonly string[] }) =>
      p.known.length === 0 ? 'Create profiles/NAME.yaml.' : `Choose one of ${p.known.join(', ')}.`,
  },
  TICK_MISSING: {
    exit: ExitCode.usage,
    message: () => '`{{ tick.at }}` is the instant of a scheduled run, and this is none',
    hint: () => 'Say what it is otherwise: {{ tick.at | default("2027-01-31T02:00:00Z") }}.',
  },
  COMPONENT_NOT_FOUND: {
    exit: ExitCode.usage,
    message: (p: { component: string; known: readonly string[] }) => `There is no component ${p.component}`,
    hint: (p: { known: readonly string[] }) =>
      `Use one of ${p.known.join(', ')}, or one of your own as ./steps/NAME.`,
  },
  COMPONENT_INVALID: {
    exit: ExitCode.usage,
    message: (p: { file: string; problem: string }) => `${p.file} describes no component: ${p.problem}`,
    hint: () =>
      'Export `step = defineStep({ … })`, or write what docs/step-protocol.md says component.yaml holds.',
  },
  FILE_TOO_LARGE: {
    exit: ExitCode.usage,
    message: (p: { file: string; limit: string }) => `${p.file} is larger than ${p.limit}`,
    hint: () => 'Split it: a matrix says in one step what is written many times.',
  },
  YAML_INVALID: {
    exit: ExitCode.usage,
    message: (p: { file: string; problem: string }) =>
      `${p.file} is not the YAML that is read here: ${p.problem}`,
    hint: () => 'Correct the line shown: YAML 1.2, one document, no tags, no aliases.',
  },
  EXPRESSION_INVALID: {
    exit: ExitCode.usage,
    message: (p: { expression: string; problem: string }) =>
      `{{${brief(p.expression)}}} is not understood: ${p.problem}`,
    hint: () => 'Write a name, a path or a value, with the filters default, join and from_json.',
  },
  NAME_UNKNOWN: {
    exit: ExitCode.usage,
    message: (p: { name: string; known: readonly string[]; near: string | undefined }) =>
      `${brief(p.name)} is not defined`,
    hint: (p: { known: readonly string[]; near: string | undefined }) =>
      p.near === undefined
        ? p.known.length === 0
          ? 'Define it in the profile, or give it with -S NAME=VALUE.'
          : `Use one of ${p.known.slice(0, 12).join(', ')}, or define it in the profile.`
        : `Did you mean ${p.near}?`,
  },
  KEY_UNKNOWN: {
    exit: ExitCode.usage,
    message: (p: { key: string; where: string; known: readonly string[]; near: string | undefined }) =>
      `${p.where} has no key ${p.key}`,
    hint: (p: { known: readonly string[]; near: string | undefined }) =>
      p.near === undefined ? `Use one of ${p.known.join(', ')}.` : `Did you mean ${p.near}?`,
  },
  KEY_MISSING: {
    exit: ExitCode.usage,
    message: (p: { key: string; where: string }) => `${p.where} lacks the key ${p.key}`,
    hint: (p: { key: string }) => `Add \`${p.key}:\`.`,
  },
  VALUE_INVALID: {
    exit: ExitCode.usage,
    message: (p: { what: string; problem: string }) => `${p.what} ${p.problem}`,
    hint: () => 'See docs/recipe.md for what each key takes.',
  },
  NOT_IN_THIS_VERSION: {
    exit: ExitCode.usage,
    message: (p: { what: string }) => `${p.what} is not in this version of Stockpot`,
    hint: () => 'Leave it out: the changelog says when it comes.',
  },
  SYMBOL_MISPLACED: {
    exit: ExitCode.usage,
    message: (p: { symbol: string }) =>
      `{{ ${p.symbol} }} is a path that only an attempt knows: it cannot stand here`,
    hint: () => 'Use it in `run:` or in `env:`.',
  },
  SHELL_QUOTING: {
    exit: ExitCode.usage,
    message: (p: { expression: string }) =>
      `{{${brief(p.expression)}}} must be a word of its own: not quoted, nor where bash evaluates it (arithmetic, [[ ]], eval, …)`,
    hint: (p: { expression: string }) =>
      `Write run: as a list, or give the value by env: { VALUE: "{{${brief(p.expression)}}}" } and use "$VALUE"; paths are in $IN_name and $OUT_name.`,
  },
  STEP_CYCLE: {
    exit: ExitCode.usage,
    message: (p: { path: readonly string[] }) =>
      `Steps need each other: ${p.path.length > 12 ? [...p.path.slice(0, 6), '…', ...p.path.slice(-5)].join(' → ') : p.path.join(' → ')}`,
    hint: () => 'Remove one of these inputs.',
  },
  INPUT_STEP_UNKNOWN: {
    exit: ExitCode.usage,
    message: (p: { step: string; reference: string; near: string | undefined }) =>
      `The step ${p.step} takes ${p.reference}, but there is no such step or output`,
    hint: (p: { near: string | undefined }) =>
      p.near === undefined
        ? 'Name an output as step.output, and a file with ./ in front.'
        : `Did you mean ${p.near}?`,
  },
  MATRIX_INVALID: {
    exit: ExitCode.usage,
    message: (p: { step: string; problem: string }) => `The matrix of the step ${p.step} ${p.problem}`,
    hint: () => 'Give each axis a list of values; matrix_limit allows more than 1,000 cells.',
  },
  NAME_CLASH: {
    exit: ExitCode.usage,
    message: (p: { a: string; b: string; variable: string; isFixed: boolean }) =>
      `${p.a} and ${p.b} would both be the variable ${p.variable}`,
    hint: (p: { a: string; b: string; isFixed: boolean }) =>
      p.isFixed ? `Rename ${p.b}, or leave it out.` : `Rename ${p.a} or ${p.b}, or leave one out.`,
  },
  SET_INVALID: {
    exit: ExitCode.usage,
    message: (p: { argument: string; problem: string }) => `--set ${p.argument}: ${p.problem}`,
    hint: () => 'Write -S path.to.key=value, as in -S steps.train.learning_rate=0.05.',
  },
  PASSWORD_IN_PROFILE: {
    exit: ExitCode.usage,
    message: (p: { key: string }) => `${p.key} holds a password`,
    hint: (p: { key: string }) =>
      `Give the address as ${VARIABLES[p.key] ?? 'an environment variable'}, not in a file that others read.`,
  },
} as const satisfies Record<string, Entry>;
