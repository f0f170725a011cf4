import type { World } from '../core/world.ts';

/** What a command may use of the process. */
export interface Context {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly world: World;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly isTerminal: boolean;
  readonly columns: number;
  readonly rows: number;
  /** Aborted by Ctrl-C, TERM and HUP. */
  readonly signal: AbortSignal;
  readonly version: string;
  /** Folder of the package: what it ships lies below. */
  readonly packageDir: string;
  readonly pid: number;
  /** Node’s executable. */
  readonly node: string;
}

/** Values of a command's options by their camel-case names, and its arguments in order. */
export interface Parsed {
  readonly args: readonly (string | undefined)[];
  readonly options: Readonly<Record<string, unknown>>;
}

/** A module below `commands/`. */
export interface CommandModule {
  /** Gives what the process exits with: an `ExitCode`, or that of the program it was asked to run. */
  readonly execute: (parsed: Parsed, context: Context) => Promise<number> | number;
}

export function text(options: Parsed['options'], name: string): string | undefined {
  const value = options[name];
  return typeof value === 'string' ? value : undefined;
}

export function list(options: Parsed['options'], name: string): readonly string[] {
  const value = options[name];
  return Array.isArray(value) ? (value as string[]) : [];
}

export function flag(options: Parsed['options'], name: string): boolean {
  return options[name] === true;
}

/** Warnings as lines on standard error. */
export function warningsTo({ err }: Context): (message: string) => void {
  return (message) => err(`warning: ${message}\n`);
}
