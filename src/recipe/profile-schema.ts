import { Type } from 'typebox';
import { MOST_GPUS } from '../core/gpu-ids.ts';
import { NOTIFY_EVENTS } from '../core/notify-settings.ts';
import { PRIORITIES } from '../core/priority.ts';
import { Later, orExpression, Size } from './recipe-schema.ts';

const Secret = Type.Union([
  Type.Object(
    { env: Type.String({ description: 'The environment variable that holds it.' }) },
    { additionalProperties: false },
  ),
  Type.Object(
    { file: Type.String({ description: 'The file that holds it.' }) },
    { additionalProperties: false },
  ),
  Type.Object(
    {
      command: Type.Array(Type.String(), {
        minItems: 1,
        description: 'The program that prints it, as argv.',
      }),
    },
    { additionalProperties: false },
  ),
]);

const text = (description: string): ReturnType<typeof orExpression> =>
  orExpression(Type.String({ description }));

const Schedule = Type.Object(
  {
    cron: Type.Optional(text('Minute, hour, day of the month, month, day of the week; or @hourly, @daily …')),
    timezone: Type.Optional(text('The IANA time zone of cron: Europe/Berlin.')),
    every: Type.Optional(text('Instead of cron: a duration, counted from `start`.')),
    jitter: Type.Optional(
      text('Each tick starts up to this much later, always the same for one tick, and before the next.'),
    ),
    start: Type.Optional(text('No tick before this instant: 2027-01-31T02:00:00Z.')),
    end: Type.Optional(text('No tick after this instant.')),
    overlap: Type.Optional(
      orExpression(
        Type.Union([Type.Literal('skip'), Type.Literal('queue-one'), Type.Literal('allow')], {
          description: 'What a tick does while the run of an earlier one goes on (default: skip).',
        }),
      ),
    ),
    concurrency: Type.Optional(
      orExpression(
        Type.Integer({
          minimum: 1,
          description: 'With overlap: allow, so many runs go on at once (default: 4).',
        }),
      ),
    ),
    catch_up: Type.Optional(
      orExpression(
        Type.Union([Type.Literal('none'), Type.Literal('one'), Type.Literal('all')], {
          description: 'Which ticks are run that no scheduler was there for (default: one, the newest).',
        }),
      ),
    ),
    window: Type.Optional(text('Ticks that were missed longer ago are not run (default: 1d).')),
    pause_on_failure: Type.Optional(
      orExpression(Type.Boolean({ description: 'A failed run pauses the schedule.' })),
    ),
    only_if_changed: Type.Optional(
      Type.Array(Type.String(), {
        description: 'Steps: a tick runs nothing while what they read from outside is as it was.',
      }),
    ),
    after: Type.Optional(
      Type.Union([
        text('Instead of cron: the recipe of this project whose successful runs each start one of this.'),
        Type.Object(
          {
            recipe: text('Another recipe of this project.'),
            output: Type.Optional(
              text('STEP.OUTPUT of the kind `value`, and keys in it: evaluate.verdict.verdict.'),
            ),
            equals: Type.Optional(
              Type.Unknown({ description: 'What it must be (default: another value than last time).' }),
            ),
          },
          { additionalProperties: false },
        ),
      ]),
    ),
  },
  { additionalProperties: false, description: 'When `recipe schedules apply` has it run.' },
);

const Notify = Type.Object(
  {
    webhook: Type.Optional(
      Type.Object(
        {
          url: text('Where a message is sent to, as JSON by POST: https://HOST/PATH.'),
          secret: Type.Optional(text('Name of the secret that messages are signed with (HMAC-SHA-256).')),
        },
        { additionalProperties: false },
      ),
    ),
    command: Type.Optional(
      Type.Array(Type.String(), {
        minItems: 1,
        description: 'A program and its arguments: it gets a message as JSON on its standard input.',
      }),
    ),
    on: Type.Optional(
      Type.Array(Type.Union(NOTIFY_EVENTS.map((event) => Type.Literal(event))), {
        minItems: 1,
        description: 'What is told of (default: all).',
      }),
    ),
  },
  { additionalProperties: false, description: "Who is told what became of a schedule's ticks." },
);

const Queue = Type.Object(
  {
    timeout: Type.Optional(text('As queue_timeout, for this queue.')),
    concurrency: Type.Optional(
      orExpression(
        Type.Integer({
          minimum: 1,
          description: 'At most so many steps at once, of all runs that share a ledger.',
        }),
      ),
    ),
  },
  { additionalProperties: false },
);

/** JSON Schema of `profiles/NAME.yaml`, for editors: `# yaml-language-server: $schema=…`. */
export const ProfileSchema = Type.Object(
  {
    extends: Type.Optional(
      Type.String({ description: 'The profile that this one is laid over, key by key.' }),
    ),
    params: Type.Optional(
      Type.Record(Type.String(), Type.Unknown(), { description: "They override the recipe's." }),
    ),
    experiment: Type.Optional(Type.String({ description: 'Where runs are tracked.' })),
    effects: Type.Optional(
      orExpression(
        Type.Union([Type.Literal('all'), Type.Literal('submitted'), Type.Literal('none')], {
          description:
            'In which runs steps may change what is outside, as registering a model does: in all, in those that were submitted or scheduled, in none.',
        }),
      ),
    ),
    secrets: Type.Optional(Type.Record(Type.String({ pattern: '^[A-Za-z_]\\w*$' }), Secret)),
    limits: Type.Optional(
      Type.Record(Type.String(), orExpression(Type.Integer({ minimum: 1 })), {
        description: 'At most so many steps at once that name the limit.',
      }),
    ),
    gpus: Type.Optional(
      orExpression(
        Type.Union(
          [
            Type.Integer({ minimum: 0, maximum: MOST_GPUS }),
            Type.Array(Type.Union([Type.Integer({ minimum: 0 }), Type.String()])),
          ],
          {
            description:
              'GPUs of this machine that steps may have: how many, or which (0, GPU-…). Default: those of CUDA_VISIBLE_DEVICES, else all that are found.',
          },
        ),
      ),
    ),
    cache: Type.Optional(
      Type.Object(
        {
          max_size: Type.Optional(Size),
          salt: Type.Optional(Type.String({ description: 'Another salt disowns all that is cached.' })),
          remote: Type.Optional(
            Type.String({
              description: 'A cache that machines share: a folder, s3://BUCKET/PREFIX or https://SERVER.',
            }),
          ),
          endpoint: Type.Optional(Type.String({ description: 'Of an S3 service that is not AWS.' })),
          region: Type.Optional(Type.String({ description: "The bucket's region." })),
          read_only: Type.Optional(
            orExpression(Type.Boolean({ description: 'Take what is there, and put nothing there.' })),
          ),
          sign_with: Type.Optional(
            Type.String({ description: 'File with the private key that `recipe cache keygen` wrote.' }),
          ),
          accept: Type.Optional(
            Type.Union([Type.String(), Type.Array(Type.String())], {
              description: 'Public keys whose results are used; `any`: of everybody who can write there.',
            }),
          ),
        },
        { additionalProperties: false },
      ),
    ),
    executor: Type.Optional(
      orExpression(
        Type.Union([Type.Literal('local'), Type.Literal('fleet')], {
          description: 'Where steps run: on this machine, or by the workers of a fleet (docs/fleet.md).',
        }),
      ),
    ),
    tracking: Type.Optional(
      Type.String({ description: 'http://HOST:PORT of the MLflow server that runs are written to.' }),
    ),
    model_registry: Type.Optional(
      Type.String({ description: 'http://HOST:PORT of another MLflow server for models.' }),
    ),
    keep_inputs: Type.Optional(
      orExpression(
        Type.Boolean({
          description:
            'Whether a registered version keeps the files and URLs that it was made from (default: if the registry is shared).',
        }),
      ),
    ),
    queue_timeout: Type.Optional(
      text(
        'How long a step waits for a worker of a fleet before it fails: 6h (default: 24h in submitted and scheduled runs, no end in others).',
      ),
    ),
    priority: Type.Optional(
      orExpression(
        Type.Union(
          PRIORITIES.map((priority) => Type.Literal(priority)),
          {
            description:
              'How early the steps are begun on a fleet where others wait too (default: normal, and low in runs that a clock or a backfill started).',
          },
        ),
      ),
    ),
    queues: Type.Optional(
      Type.Record(Type.String({ pattern: '^[A-Za-z0-9][\\w.-]{0,99}$' }), Queue, {
        description: 'What is said of single queues of a fleet, by name.',
      }),
    ),
    schedule: Type.Optional(Schedule),
    notify: Type.Optional(Notify),
    redis: Type.Optional(
      Type.Object(
        {
          url: Type.Optional(text('redis://HOST:PORT/DB of the queues; a password in it is refused.')),
          prefix: Type.Optional(text('What its keys begin with (default: stockpot).')),
        },
        { additionalProperties: false, description: 'Where the queues of a fleet are.' },
      ),
    ),
    server: Type.Optional(Later),
    database: Type.Optional(
      Type.String({
        description:
          'postgres://USER@HOST/NAME that runs and models are written to; a password in it is refused.',
      }),
    ),
  },
  {
    title: 'A profile of a Stockpot recipe',
    patternProperties: { '^[A-Z][A-Z0-9_]*$': Type.Unknown({ description: 'A value for expressions.' }) },
    additionalProperties: false,
  },
);
