import type { Static } from 'typebox';
import { Type } from 'typebox';
import { OUTPUT_KINDS } from './kinds.ts';

const Kind = Type.Union(OUTPUT_KINDS.map((kind) => Type.Literal(kind)));

/** `steps/<name>/component.yaml`: what a component takes, gives and is run by. */
export const ComponentManifest = Type.Object(
  {
    title: Type.String({ description: 'One line for people: what the component does.' }),
    version: Type.String({
      pattern: '^\\d+(\\.\\d+)*$',
      description: 'Stands for the code of a shipped component.',
    }),
    config: Type.Record(Type.String(), Type.Unknown(), {
      description:
        'JSON Schema (draft 2020-12) of the configuration. `x-file: true` marks a key that names a project file and counts by its content; `x-input: NAME` one whose value is a reference (or a list of them): it becomes the input NAME and leaves the configuration.',
    }),
    inputs: Type.Record(
      Type.String(),
      Type.Object(
        {
          kind: Type.Optional(Type.Union([Kind, Type.Literal('any')])),
          optional: Type.Optional(Type.Boolean()),
          description: Type.Optional(Type.String()),
        },
        { additionalProperties: false },
      ),
    ),
    outputs: Type.Record(
      Type.String(),
      Type.Object(
        { path: Type.String(), kind: Kind, description: Type.Optional(Type.String()) },
        { additionalProperties: false },
      ),
    ),
    runtime: Type.Union([Type.Literal('node'), Type.Literal('python'), Type.Literal('exec')], {
      description:
        'node: a TypeScript module with `defineStep`; python: run by python3; exec: an executable file.',
    }),
    entry: Type.String({ description: 'File beside component.yaml that runs the step.' }),
    effect: Type.Optional(
      Type.String({ description: 'What the driver reconciles from the request that the step writes.' }),
    ),
  },
  { additionalProperties: false },
);
export type ComponentManifest = Static<typeof ComponentManifest>;
