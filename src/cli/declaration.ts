import type { CommandModule } from './context.ts';

/** A command as it is declared: help, the reference in docs/cli.md and the parser all read this. */
export interface Declaration {
  readonly name: string;
  readonly summary: string;
  /** Names of positional arguments; `[x]` may be left out, a last one that ends with `…` may be many. */
  readonly args: readonly string[];
  readonly options: readonly Option[];
  readonly examples: readonly (readonly [command: string, meaning: string])[];
  readonly load: () => Promise<CommandModule>;
  /** Once it was told to end and has, the process ends too: what a library still waits for holds nobody. */
  readonly endsProcess?: true;
}

export interface Option {
  /** `--profile`, and its letter if it has one. */
  readonly long: string;
  readonly short?: string;
  /** Name of the value; absent for a switch. */
  readonly value?: string;
  /** The value may be left out: `--force`, `--force=STEP`. */
  readonly optionalValue?: true;
  readonly many?: true;
  /** What follows is its value also if it begins with a dash: options of another program. */
  readonly takesDashes?: true;
  readonly help: string;
}

export const JSON_OPTION: Option = { long: '--json', help: 'print JSON instead of text' };

export const PROFILE: Option = {
  long: '--profile',
  short: '-p',
  value: 'NAME',
  help: 'profiles/NAME.yaml instead of local',
};

export const PLACES: readonly Option[] = [
  { long: '--database', value: 'URL', help: 'postgres://… that keeps runs and models' },
  { long: '--tracking', value: 'URL', help: 'http://… of an MLflow server that keeps them' },
];
