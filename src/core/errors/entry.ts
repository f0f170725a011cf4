import type { ExitCode } from '../exit-code.ts';

/** One row of the error catalogue. */
export interface Entry {
  readonly exit: ExitCode;
  /** One line that names the offending thing. No advice in it. */
  readonly message: (params: never) => string;
  /** The next thing to type or to open: starts with a verb, or asks what the user can answer. */
  readonly hint?: (params: never) => string;
}
