import { type Declaration, JSON_OPTION, type Option, PROFILE } from './declaration.ts';

export const UNSAFE_REDIS: Option = {
  long: '--unsafe-redis',
  help: 'go on with a Redis that throws keys away when it is full, or whose clock is not this machine’s',
};

/** `recipe worker` and what looks at a fleet. */
export const FLEET_COMMANDS: readonly Declaration[] = [
  {
    name: 'worker',
    summary: 'run steps of recipes that are run elsewhere with `executor: fleet`',
    args: [],
    options: [
      {
        long: '--queue',
        short: '-q',
        value: 'NAME',
        many: true,
        help: 'take steps of this queue (default: default)',
      },
      {
        long: '--concurrency',
        short: '-c',
        value: 'N',
        help: 'steps at once (default: the number of processors)',
      },
      {
        long: '--gpus',
        value: 'N|IDS',
        help: 'GPUs that steps may have: how many, or which: 0,2 (default: those of CUDA_VISIBLE_DEVICES, else all)',
      },
      {
        long: '--drive',
        value: 'N',
        help: 'drive submitted runs, N at once; without --queue it takes no steps of others',
      },
      { long: '--once', help: 'with --drive: end when no submitted run is left to take' },
      { long: '--redis', value: 'URL', help: 'redis://HOST:PORT/DB (default: STOCKPOT_REDIS_URL)' },
      {
        long: '--prefix',
        value: 'TEXT',
        help: "what the fleet's keys begin with (default: STOCKPOT_REDIS_PREFIX, else stockpot)",
      },
      {
        long: '--remote',
        value: 'PLACE',
        help: 'the shared cache: a folder, s3://… or https://… (default: STOCKPOT_REMOTE)',
      },
      {
        long: '--accept',
        value: 'KEYS',
        help: 'public keys whose results are used, with commas, or any (default: STOCKPOT_ACCEPT)',
      },
      {
        long: '--sign-with',
        value: 'FILE',
        help: 'the private key that results are signed with (default: STOCKPOT_SIGNING_KEY)',
      },
      { long: '--secrets', value: 'FILE', help: 'lines NAME=value: secrets that steps may ask for' },
      {
        long: '--drain',
        value: 'DURATION',
        help: 'on TERM, what runs is ended after this and begun again elsewhere (default: never)',
      },
      { long: '--metrics', value: 'PORT', help: 'serve figures for Prometheus at /metrics of this port' },
      UNSAFE_REDIS,
      { long: '--json', help: 'print what it does as JSON lines' },
    ],
    examples: [
      [
        'recipe worker --queue gpu --concurrency 1',
        'in any folder: code and data come through the shared cache',
      ],
      ['recipe worker --drive 4', 'what `recipe run --submit` hands over, four runs at once'],
      [
        'STOCKPOT_REDIS_URL=redis://queue:6379 recipe worker --remote s3://models/cache --accept any',
        'addresses by flag or environment',
      ],
    ],
    load: () => import('./worker.ts'),
    // BullMQ waits for a Redis that is away, to say what the store knows.
    endsProcess: true,
  },
  {
    name: 'workers',
    summary: 'list the workers of a fleet and what they run',
    args: [],
    options: [
      PROFILE,
      {
        long: '--redis',
        value: 'URL',
        help: 'redis://HOST:PORT/DB (default: STOCKPOT_REDIS_URL, else the profile)',
      },
      { long: '--prefix', value: 'TEXT', help: "what the fleet's keys begin with" },
      JSON_OPTION,
    ],
    examples: [['recipe workers -p fleet', 'who takes from which queue, what runs, what waits']],
    load: () => import('./workers.ts'),
  },
];
