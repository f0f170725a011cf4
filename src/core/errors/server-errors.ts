import { ExitCode } from '../exit-code.ts';
import type { Entry } from './entry.ts';

/** What can keep the server from starting. Documented in `docs/errors/server.md`. */
export const SERVER_ERRORS = {
  ADDRESS_IN_USE: {
    exit: ExitCode.unavailable,
    message: (p: { host: string; port: number }) => `Something else listens on ${p.host}:${p.port}`,
    hint: () => 'Choose another with --port, or --port 0 for any that is free.',
  },
  ADDRESS_UNAVAILABLE: {
    exit: ExitCode.unavailable,
    message: (p: { host: string; port: number; problem: string; reason: 'port' | 'host' }) =>
      `Cannot listen on ${p.host}:${p.port}: ${p.problem}`,
    hint: (p: { reason: 'port' | 'host' }) =>
      p.reason === 'port'
        ? 'Ports below 1024 are for the administrator; choose another with --port.'
        : 'Give --host an address that this machine has, or 0.0.0.0 for all of them.',
  },
  DATABASE_UNREACHABLE: {
    exit: ExitCode.unavailable,
    message: (p: { database: string; problem: string }) =>
      `Cannot use the database ${p.database}: ${p.problem}`,
    hint: (p: { database: string }) =>
      p.database.startsWith('sqlite:')
        ? 'Name a file that you may write to, in a folder that is there.'
        : 'Check that PostgreSQL runs there, and the user, password and name in the URL.',
  },
  DATABASE_NOT_OURS: {
    exit: ExitCode.usage,
    message: (p: { database: string; problem: string }) =>
      `${p.database} is no database of Stockpot's: ${p.problem}`,
    hint: () => 'Name another one: Stockpot makes its tables where there are none yet.',
  },
  SERVER_UNREACHABLE: {
    exit: ExitCode.unavailable,
    message: (p: { url: string; problem: string }) => `Cannot reach the server ${p.url}: ${p.problem}`,
    hint: () => 'Check the address, and that `recipe server` runs there.',
  },
  SERVER_REFUSED: {
    exit: ExitCode.usage,
    message: (p: { url: string; problem: string }) => `The server ${p.url} refuses: ${p.problem}`,
    hint: () => 'Sign in with `recipe login URL`, or ask an administrator of the server.',
  },
  LOGIN_CANCELLED: {
    exit: ExitCode.interrupted,
    message: () => 'The sign-in was cancelled',
    hint: () => 'Nothing was kept; run `recipe login URL` again.',
  },
  CACHE_NOT_SHARED: {
    exit: ExitCode.usage,
    message: (p: { cache: string; expected: string }) =>
      `The files of this database lie in another cache (${p.expected}) than ${p.cache}`,
    hint: () =>
      'Give every server on it the same folder with --cache; where that one is lost, write the name into the file `id` of the folder that takes its place.',
  },
  ARTIFACTS_ELSEWHERE: {
    exit: ExitCode.usage,
    message: (p: { folder: string; expected: string }) =>
      `Clients' files of this database lie in another folder (${p.expected}) than ${p.folder}`,
    hint: () =>
      'Give the server the same folder with --artifacts-destination or --default-artifact-root; where that one is lost, write the name into the file `.stockpot-artifacts/id` of the folder that takes its place.',
  },
  ACCESS_REFUSED: {
    exit: ExitCode.usage,
    message: (p: { problem: string }) => p.problem.replace(/\.$/, ''),
    hint: () => 'See `recipe server user list`, `group list` and `grants RESOURCE` for what there is.',
  },
} as const satisfies Record<string, Entry>;
