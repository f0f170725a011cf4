import { ExitCode } from '../exit-code.ts';
import type { Entry } from './entry.ts';

/** What can go wrong with the cache and the disk below it. Documented in `docs/errors/store.md`. */
export const STORE_ERRORS = {
  DISK_FULL: {
    exit: ExitCode.unavailable,
    message: (p: { path: string }) => `No space left on the disk that holds ${p.path}`,
    hint: () => 'Free some space, or shrink the cache with `recipe cache gc --max-size 1GiB`.',
  },
  HOME_READ_ONLY: {
    exit: ExitCode.unavailable,
    message: (p: { path: string }) => `Cannot write to ${p.path}`,
    hint: () => 'Make the folder writable, or name another with STOCKPOT_HOME.',
  },
  DISK_FAILED: {
    exit: ExitCode.unavailable,
    message: (p: { path: string; problem: string }) =>
      `The disk that holds ${p.path} reports an error: ${p.problem}`,
    hint: () => 'Look at the disk; the same command goes on where this one ended.',
  },
  BLOB_DAMAGED: {
    exit: ExitCode.unavailable,
    message: (p: { digest: string; damage: 'missing' | 'corrupt' }) =>
      `The stored bytes ${p.digest} are ${p.damage}`,
    hint: () => 'Run the recipe again: what is lost is made again. `recipe cache fsck` looks for more.',
  },
  DATABASE_DAMAGED: {
    exit: ExitCode.unavailable,
    message: (p: { problem: string }) => `A database of this project is damaged: ${p.problem}`,
    hint: () =>
      'See with `recipe doctor` which it is. Delete index.db, a cache; take tracking.db from a backup.',
  },
  STORE_TOO_NEW: {
    exit: ExitCode.unavailable,
    message: (p: { path: string; found: number; known: number }) =>
      `${p.path} was written by a newer Stockpot (format ${p.found}, this one knows ${p.known})`,
    hint: () => 'Update Stockpot, or name another folder with STOCKPOT_HOME.',
  },
  SIGNING_KEY_INVALID: {
    exit: ExitCode.usage,
    message: () => 'The signing key is none: it begins with ed25519-private: and has 32 bytes in base64',
    hint: () => 'Make one with `recipe cache keygen FILE`; its public half goes into `accept:` of readers.',
  },
  REMOTE_WITHOUT_ACCEPT: {
    exit: ExitCode.usage,
    message: (p: { remote: string }) =>
      `The shared cache ${p.remote} has no \`accept:\`: whose results may be used is not known`,
    hint: () =>
      'List the public keys of those who write there, or say `accept: any` to take results of everybody who can.',
  },
  REMOTE_INVALID: {
    exit: ExitCode.usage,
    message: (p: { remote: string; problem: string }) => `The shared cache ${p.remote}: ${p.problem}`,
    hint: () => 'A shared cache is a folder, s3://BUCKET/PREFIX or https://SERVER.',
  },
  REMOTE_READ_ONLY: {
    exit: ExitCode.usage,
    message: (p: { remote: string }) => `The shared cache ${p.remote} is read_only: nothing can be put there`,
    hint: () => 'Take read_only out of the profile, or name another one with -p PROFILE.',
  },
  REMOTE_UNREACHABLE: {
    exit: ExitCode.unavailable,
    message: (p: { problem: string }) => `The shared cache cannot be used: ${p.problem}`,
    hint: () => 'Runs go on without it, with one warning; `recipe doctor` looks for more.',
  },
  REMOTE_WITHOUT_KEYS: {
    exit: ExitCode.usage,
    message: (p: { remote: string; variable: string }) =>
      `The shared cache ${p.remote} needs ${p.variable}, which is not set`,
    hint: () =>
      'Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, with AWS_SESSION_TOKEN for keys that lapse; `aws configure export-credentials --format env` prints those of a profile.',
  },
  REMOTE_WITHOUT_REGION: {
    exit: ExitCode.usage,
    message: (p: { remote: string }) => `The region of the shared cache ${p.remote} is not known`,
    hint: () => 'Set AWS_REGION, or AWS_ENDPOINT_URL for a bucket that is not at AWS.',
  },
  ACCEPTED_KEY_INVALID: {
    exit: ExitCode.usage,
    message: (p: { key: string }) =>
      `'${p.key}' is no public key: one begins with ed25519: and has 32 bytes in base64`,
    hint: () =>
      'Take what `recipe cache keygen` printed; `any` takes results of everybody who can write there.',
  },
} as const satisfies Record<string, Entry>;
