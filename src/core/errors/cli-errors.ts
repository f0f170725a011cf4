import { ExitCode } from '../exit-code.ts';
import type { Entry } from './entry.ts';

/** What can be wrong with a command line. Documented in `docs/errors/cli.md`. */
export const CLI_ERRORS = {
  USAGE: {
    exit: ExitCode.usage,
    message: (p: { problem: string; command: string }) => p.problem,
    hint: (p: { command: string }) => `Try \`recipe ${p.command} --help\`.`.replace('  ', ' '),
  },
} as const satisfies Record<string, Entry>;
