import { ExitCode } from '../exit-code.ts';
import { formatDuration } from '../format-duration.ts';
import type { Entry } from './entry.ts';

/** What can go wrong with a fleet. Documented in `docs/errors/fleet.md`. */
export const FLEET_ERRORS = {
  REDIS_UNKNOWN: {
    exit: ExitCode.usage,
    message: () => 'A fleet needs Redis, and nothing says where it is',
    hint: () => 'Set STOCKPOT_REDIS_URL=redis://HOST:6379, or write `redis: { url: … }` into the profile.',
  },
  REDIS_INVALID: {
    exit: ExitCode.usage,
    message: (p: { what: string; problem: string }) => `${p.what} ${p.problem}`,
    hint: () => 'An address is redis://[USER:PASSWORD@]HOST:PORT/DB, or rediss:// over TLS.',
  },
  REDIS_UNREACHABLE: {
    exit: ExitCode.unavailable,
    message: (p: { redis: string; problem: string }) => `Redis at ${p.redis} cannot be reached: ${p.problem}`,
    hint: () => 'Check the address and that the server runs: `redis-cli -u URL ping` says PONG.',
  },
  REDIS_REFUSED: {
    exit: ExitCode.unavailable,
    message: (p: { redis: string; problem: string }) => `Redis at ${p.redis} lets nobody in so: ${p.problem}`,
    hint: () => 'Give user and password in STOCKPOT_REDIS_URL: redis://USER:PASSWORD@HOST:PORT.',
  },
  REDIS_TOO_OLD: {
    exit: ExitCode.unavailable,
    message: (p: { redis: string; found: string; least: string }) =>
      `Redis at ${p.redis} is version ${p.found}; a fleet needs ${p.least}`,
    hint: () => 'Update Redis.',
  },
  REDIS_EVICTS: {
    exit: ExitCode.unavailable,
    message: (p: { redis: string; policy: string }) =>
      `Redis at ${p.redis} throws keys away when it is full (maxmemory-policy ${p.policy})`,
    hint: () =>
      'Run `redis-cli config set maxmemory-policy noeviction` and put it into redis.conf; --unsafe-redis goes on without.',
  },
  REDIS_CLOCK: {
    exit: ExitCode.unavailable,
    message: (p: { redis: string; skew: string }) =>
      `The clock of this machine is ${p.skew} that of Redis at ${p.redis}`,
    hint: () => 'Set the clocks of both by NTP: `timedatectl set-ntp true`; --unsafe-redis goes on without.',
  },
  FLEET_WITHOUT_CACHE: {
    exit: ExitCode.usage,
    message: () => 'A fleet needs a cache that its machines share, and nothing names one',
    hint: () =>
      'Write `cache: { remote: s3://BUCKET/PREFIX, accept: [KEY] }` into the profile, or set STOCKPOT_REMOTE.',
  },
  FLEET_READ_ONLY: {
    exit: ExitCode.usage,
    message: (p: { remote: string }) =>
      `The shared cache ${p.remote} is read_only: what a fleet needs could not be put there`,
    hint: () => 'Take read_only out of the profile, or run here with `executor: local`.',
  },
  WORKER_KEY_UNACCEPTED: {
    exit: ExitCode.usage,
    message: (p: { remote: string; own: string | undefined }) =>
      `A worker with these settings could finish no step: it ${p.own === undefined ? 'signs nothing' : `signs as ${p.own}`}, and takes from ${p.remote} only what other keys signed`,
    hint: (p: { own: string | undefined }) =>
      p.own === undefined
        ? 'Make a key with `recipe cache keygen`, give it by --sign-with or STOCKPOT_SIGNING_KEY, and list it in `accept:` of all that share the cache.'
        : `Add ${p.own} to \`accept:\` of all that share the cache, or to --accept.`,
  },
  QUEUE_TIMEOUT: {
    exit: ExitCode.unavailable,
    message: (p: { queue: string; limitMs: number; workers: string; holder: string }) =>
      `No worker of the queue ${p.queue} began it in ${formatDuration(p.limitMs)}: ${p.workers}; it waited for ${p.holder}`,
    hint: (p: { queue: string }) =>
      `Start one with \`recipe worker --queue ${p.queue}\`, then run it again, a submitted run with \`recipe retry\`: what was done is not repeated. How long is waited says queue_timeout in the profile.`,
  },
  RUN_NOT_SENT: {
    exit: ExitCode.unavailable,
    message: (p: { remote: string }) =>
      `What the run needs could not be put into the shared cache ${p.remote}: nothing was submitted`,
    hint: () => 'See with `recipe doctor` what is wrong with it, and submit the run again.',
  },
  SERVER_TAKES_NO_RUNS: {
    exit: ExitCode.usage,
    message: (p: { server: string }) => `The server ${p.server} takes no submitted runs`,
    hint: () =>
      'Start it with `recipe server --submissions`, or --drive N; or unset STOCKPOT_SERVER_URL to submit to the ledger itself.',
  },
  SNAPSHOT_LOST: {
    exit: ExitCode.unavailable,
    message: (p: { place: string; problem: string }) =>
      `What a submitted run needs is not to be had from ${p.place}: ${p.problem}`,
    hint: () =>
      'If the cache is away, the driver goes on when it is back. Else `recipe attach RUN` or `recipe retry RUN`, on the machine that submitted the run, sends again what is lost there.',
  },
  RUN_ENDED: {
    exit: ExitCode.usage,
    message: (p: { run: string; state: string }) => `The run ${p.run} has ended: it ${p.state}`,
    hint: (p: { run: string }) => `\`recipe retry ${p.run}\` runs it again; what was done is not repeated.`,
  },
  RUN_NOT_SUBMITTED: {
    exit: ExitCode.usage,
    message: (p: { run: string | undefined; found: readonly string[] }) =>
      p.run === undefined
        ? p.found.length === 0
          ? 'No submitted run goes on'
          : 'Several submitted runs go on'
        : p.found.length === 0
          ? `No run whose id begins with ${p.run} was submitted here`
          : `Several submitted runs have ids that begin with ${p.run}`,
    hint: (p: { found: readonly string[] }) =>
      p.found.length === 0
        ? 'Submit one with `recipe run RECIPE --submit`. Where drivers share a ledger, STOCKPOT_DATABASE_URL names it.'
        : `Name one of ${p.found.join(', ')}.`,
  },
} as const satisfies Record<string, Entry>;
