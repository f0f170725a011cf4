import { Type } from 'typebox';
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
        Type.Union([Type.Literal('all'), Type.Literal('none')], {
          description: 'Whether steps may change what is outside, as registering a model does.',
        }),
      ),
    ),
    secrets: Type.Optional(Type.Record(Type.String({ pattern: '^[A-Za-z_]\\w*$' }), Secret)),
    limits: Type.Optional(
      Type.Record(Type.String(), orExpression(Type.Integer({ minimum: 1 })), {
        description: 'At most so many steps at once that name the limit.',
      }),
    ),
    cache: Type.Optional(
      Type.Object(
        {
          max_size: Type.Optional(Size),
          salt: Type.Optional(Type.String({ description: 'Another salt disowns all that is cached.' })),
          remote: Type.Optional(Later),
          endpoint: Type.Optional(Later),
          region: Type.Optional(Later),
          read_only: Type.Optional(Later),
          sign_with: Type.Optional(Later),
          accept: Type.Optional(Later),
        },
        { additionalProperties: false },
      ),
    ),
    executor: Type.Optional(
      orExpression(Type.Literal('local', { description: 'fleet: not in this version.' })),
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
    queues: Type.Optional(Later),
    schedule: Type.Optional(Later),
    notify: Type.Optional(Later),
    redis: Type.Optional(Later),
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
