import { BACKUP_ERRORS } from './errors/backup-errors.ts';
import { CLI_ERRORS } from './errors/cli-errors.ts';
import { DATA_ERRORS } from './errors/data-errors.ts';
import type { Entry } from './errors/entry.ts';
import { FLEET_ERRORS } from './errors/fleet-errors.ts';
import { IMPORT_ERRORS } from './errors/import-errors.ts';
import { RECIPE_ERRORS } from './errors/recipe-errors.ts';
import { REPRODUCTION_ERRORS } from './errors/reproduction-errors.ts';
import { RUN_ERRORS } from './errors/run-errors.ts';
import { SCHEDULE_ERRORS } from './errors/schedule-errors.ts';
import { SERVER_ERRORS } from './errors/server-errors.ts';
import { STORE_ERRORS } from './errors/store-errors.ts';
import { TRACKING_ERRORS } from './errors/tracking-errors.ts';
import { ExitCode } from './exit-code.ts';

/** Every error a user can reach. `docs/errors/*.md` documents each; a test keeps them equal. Codes are never reused. */
export const CATALOGUE = {
  ...CLI_ERRORS,
  ...RECIPE_ERRORS,
  ...RUN_ERRORS,
  ...DATA_ERRORS,
  ...STORE_ERRORS,
  ...TRACKING_ERRORS,
  ...REPRODUCTION_ERRORS,
  ...SCHEDULE_ERRORS,
  ...SERVER_ERRORS,
  ...IMPORT_ERRORS,
  ...FLEET_ERRORS,
  ...BACKUP_ERRORS,
};

export type ErrorCode = keyof typeof CATALOGUE;
type Params<C extends ErrorCode> = Parameters<(typeof CATALOGUE)[C]['message']>[0];

/** A place in a text file. Shown as `file:line:column`; both count from 1. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface RecipeErrorOptions extends ErrorOptions {
  readonly at?: Position | undefined;
  /** The offending lines with a squiggle below, ready to print. */
  readonly frame?: string | undefined;
}

/** An error meant for the user: stable code, one-line message, a hint, an exit code, a place, a cause. */
export class RecipeError<C extends ErrorCode = ErrorCode> extends Error {
  readonly code: C;
  readonly exit: ExitCode;
  readonly hint: string | undefined;
  readonly at: Position | undefined;
  readonly frame: string | undefined;

  constructor(code: C, params: Params<C>, options: RecipeErrorOptions = {}) {
    const entry: Entry = CATALOGUE[code];
    super(oneLine(entry.message(params as never)), options);
    this.name = 'RecipeError';
    this.code = code;
    this.exit = entry.exit;
    const hint = entry.hint?.(params as never);
    this.hint = hint === undefined ? undefined : oneLine(hint);
    this.at = options.at;
    this.frame = options.frame;
  }
}

/** Values in a message may be of any length; nobody reads on from here. */
const MAX_MESSAGE = 1000;

/** Control characters from file names and values must not reach a terminal. */
function oneLine(whole: string): string {
  const text = whole.length > MAX_MESSAGE ? `${whole.slice(0, MAX_MESSAGE)}…` : whole;
  // oxlint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, (c) => (c === '\n' ? ' ⏎ ' : '�'));
}

export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

/** Whether the environment is at fault: what is out of reach may be back. */
export function isUnavailable(error: unknown): error is RecipeError {
  return error instanceof RecipeError && error.exit === ExitCode.unavailable;
}
