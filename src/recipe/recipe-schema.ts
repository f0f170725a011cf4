import { type TSchema, type TString, type TUnion, Type } from 'typebox';
import { FAILURE_REASONS } from '../core/failure.ts';
import { MOST_GPUS } from '../core/gpu-ids.ts';
import { OUTPUT_KINDS } from '../core/kinds.ts';

/** Any value may be an expression in its place. */
const EXPRESSION = Type.String({ pattern: '\\{\\{.*\\}\\}', description: 'An expression.' });
export const orExpression = (schema: TSchema): TUnion<[TSchema, TString]> => Type.Union([schema, EXPRESSION]);

const Duration = Type.String({
  pattern: '^\\d+(\\.\\d+)?(ms|s|m|h|d)$|\\{\\{',
  description: '90s, 10m, 2h, 7d',
});
export const Size = Type.String({
  pattern: '^\\d+(\\.\\d+)?\\s*([kKMGT]i?B|B)$|\\{\\{',
  description: '512MiB, 4GB',
});
const Texts = Type.Union([Type.String(), Type.Array(Type.String())]);
const Scalar = Type.Union([Type.String(), Type.Number(), Type.Boolean()]);
export const Later = Type.Unknown({ description: 'Not in this version.' });

/** Every key that the engine reads in a step; a template's step has its component's keys beside them. */
const STEP_KEYS = {
  uses: Type.Optional(
    Type.String({ description: 'A shipped component, or one of your own as ./steps/NAME.' }),
  ),
  run: Type.Optional(
    Type.Union([Type.String(), Type.Array(Scalar, { minItems: 1 })], {
      description: 'A list is argv without a shell; a text is bash -euo pipefail.',
    }),
  ),
  with: Type.Optional(
    orExpression(
      Type.Record(Type.String(), Type.Unknown(), { description: 'Configuration of the component.' }),
    ),
  ),
  inputs: Type.Optional(
    Type.Record(Type.String(), Texts, {
      description: 'Name: step.output, ./path, an address, models:/NAME@ALIAS, or a list of them.',
    }),
  ),
  outputs: Type.Optional(
    Type.Record(
      Type.String(),
      Type.Union([
        Type.String(),
        Type.Object(
          {
            path: Type.String(),
            kind: Type.Optional(Type.Union(OUTPUT_KINDS.map((kind) => Type.Literal(kind)))),
          },
          { additionalProperties: false },
        ),
      ]),
      { description: 'Name: path below out/, a folder with / at its end.' },
    ),
  ),
  code: Type.Optional(Texts),
  matrix: Type.Optional(
    orExpression(Type.Record(Type.String(), Type.Union([Type.Array(Type.Unknown()), Type.String()]))),
  ),
  when: Type.Optional(orExpression(Type.Boolean())),
  probe: Type.Optional(
    Type.Union([
      Type.Object({ file: Type.String() }, { additionalProperties: false }),
      Type.Object({ http: Type.String() }, { additionalProperties: false }),
      Type.Object({ command: Type.Array(Type.String()) }, { additionalProperties: false }),
    ]),
  ),
  env: Type.Optional(
    Type.Record(
      Type.String(),
      Type.Union([
        Scalar,
        Type.Object(
          { secret: Type.String(), version: Type.Optional(Scalar) },
          { additionalProperties: false },
        ),
      ]),
    ),
  ),
  pass_env: Type.Optional(Texts),
  resources: Type.Optional(
    Type.Object(
      {
        cpus: Type.Optional(orExpression(Type.Number())),
        memory: Type.Optional(Size),
        gpus: Type.Optional(
          orExpression(
            Type.Integer({
              minimum: 0,
              maximum: MOST_GPUS,
              description: 'So many GPUs that no other step has meanwhile, as CUDA_VISIBLE_DEVICES.',
            }),
          ),
        ),
      },
      { additionalProperties: false },
    ),
  ),
  timeout: Type.Optional(Duration),
  grace: Type.Optional(Duration),
  retry: Type.Optional(
    Type.Object(
      {
        max_attempts: Type.Optional(orExpression(Type.Integer({ minimum: 1 }))),
        backoff: Type.Optional(Duration),
        on: Type.Optional(Type.Array(Type.Union(FAILURE_REASONS.map((reason) => Type.Literal(reason))))),
      },
      { additionalProperties: false },
    ),
  ),
  queue: Type.Optional(
    Type.String({
      description:
        'Which workers of a fleet are given the step (default: default). Of no meaning to a local run.',
    }),
  ),
  limits: Type.Optional(Texts),
  cache: Type.Optional(
    Type.Union([
      Type.Literal('always'),
      Type.Literal('never'),
      Type.Object({ ttl: Duration }, { additionalProperties: false }),
    ]),
  ),
  seed: Type.Optional(orExpression(Type.Integer({ minimum: 0 }))),
  checkpoint: Type.Optional(
    orExpression(
      Type.Union(
        [Type.Boolean(), Type.Object({ every: Type.Optional(Duration) }, { additionalProperties: false })],
        {
          description:
            'The step gets a folder that outlives its attempts until one succeeds; a fleet saves it `every` (default: 10m).',
        },
      ),
    ),
  ),
  caches: Type.Optional(Texts),
  isolation: Type.Optional(Type.Union([Type.Literal('attempt'), Type.Literal('project')])),
  tools: Type.Optional(Texts),
  mlflow: Type.Optional(
    orExpression(
      Type.Boolean({ description: "The step gets MLflow's API; what it logs there becomes its report." }),
    ),
  ),
};

/** JSON Schema of `recipe.yaml`, for editors: `# yaml-language-server: $schema=…`. */
export const RecipeSchema = Type.Object(
  {
    template: Type.Optional(
      Type.String({ description: 'regression/v1, classification/v1, or a file under templates/.' }),
    ),
    recipe: Type.Optional(Type.String({ description: "MLflow's spelling of template." })),
    params: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
    steps: Type.Optional(
      Type.Record(
        Type.String({ pattern: '^[a-z][a-z0-9_-]{0,63}$' }),
        Type.Union([Type.Object(STEP_KEYS, { additionalProperties: true }), EXPRESSION, Type.Null()]),
      ),
    ),
    seed: Type.Optional(orExpression(Type.Integer({ minimum: 0 }))),
    matrix_limit: Type.Optional(orExpression(Type.Integer({ minimum: 1 }))),
    experiment: Type.Optional(Type.String()),
    model_registry: Type.Optional(Later),
  },
  { title: 'A Stockpot recipe', additionalProperties: true },
);
