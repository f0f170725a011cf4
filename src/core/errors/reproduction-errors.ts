import { ExitCode } from '../exit-code.ts';
import type { Entry } from './entry.ts';

export interface Missing {
  readonly model: string;
  readonly inputs: readonly { readonly path: string; readonly digest: string; readonly size: number }[];
}

/** As many as one reads; `--json` and `recipe models lineage` have all. */
const SHOWN = 5;

/** What keeps a registered model from being made again. Documented in `docs/errors/reproduction.md`. */
export const REPRODUCTION_ERRORS = {
  REPRODUCTION_UNKNOWN: {
    exit: ExitCode.usage,
    message: (p: { model: string }) => `Nothing says what ${p.model} was made from`,
    hint: () =>
      'Only models that a recipe registers with this version of Stockpot or a later one can be made again: run the recipe of this one again.',
  },
  REPRODUCTION_ELSEWHERE: {
    exit: ExitCode.usage,
    message: (p: { model: string }) =>
      `What ${p.model} can be made from lies in a cache that is not at hand here`,
    hint: () =>
      'Set STOCKPOT_CACHE to the cache of the machine that registered it, or name its `recipe server` with --tracking.',
  },
  REPRODUCTION_OTHER_VERSION: {
    exit: ExitCode.usage,
    message: (p: { model: string; made: string; here: string; command: string }) =>
      `${p.model} was made by Stockpot ${p.made}, and this is ${p.here}`,
    hint: (p: { made: string; command: string }) =>
      `Type \`npx stockpot@${p.made} ${p.command}\`, or add --any-version.`,
  },
  REPRODUCTION_INPUT_MISSING: {
    exit: ExitCode.usage,
    message: ({ model, inputs }: Missing) =>
      `The version ${model} keeps only the digests of ${inputs
        .slice(0, SHOWN)
        .map(({ path, digest, size }) => `${path} (SHA-256 ${digest}, ${size} bytes)`)
        .join(', ')}${inputs.length > SHOWN ? ` and ${inputs.length - SHOWN} more` : ''}`,
    hint: ({ inputs }: Missing) =>
      `Supply the file${inputs.length === 1 ? '' : 's'}: ${inputs
        .slice(0, SHOWN)
        .map(({ path }) => `--input ${path}=FILE`)
        .join(' ')}`,
  },
  REPRODUCTION_INPUT_DIFFERS: {
    exit: ExitCode.usage,
    message: (p: { path: string; file: string; wanted: string; found: string }) =>
      `${p.file} is not the ${p.path} that the model was made from: its SHA-256 is ${p.found}, not ${p.wanted}`,
    hint: () => 'Supply the file as it was then.',
  },
  REPRODUCTION_SECRETS_MISSING: {
    exit: ExitCode.usage,
    message: (p: { model: string; names: readonly string[] }) =>
      `The steps of ${p.model} need what is not set here: ${p.names.join(', ')}`,
    hint: () => 'Set these environment variables, or put the files there; no version keeps secrets.',
  },
  REPRODUCTION_PACKAGES_MISSING: {
    exit: ExitCode.usage,
    message: (p: { dir: string; packages: readonly string[] }) =>
      `The steps import packages that are not in ${p.dir}: ${p.packages.join(', ')}`,
    hint: (p: { dir: string }) => `Install them with \`npm ci --prefix ${p.dir}\`, and type the same again.`,
  },
  REPRODUCTION_FOLDER_TAKEN: {
    exit: ExitCode.usage,
    message: (p: { dir: string }) => `${p.dir} holds something else`,
    hint: () => 'Name a folder that is empty or new with --into.',
  },
} as const satisfies Record<string, Entry>;
