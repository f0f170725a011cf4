import type { Static } from 'typebox';
import { OUTPUT_KINDS } from './kinds.ts';

const KIND = { enum: OUTPUT_KINDS } as const;
const TEXT = { type: 'string' } as const;

/**
 * `steps/<name>/component.yaml`: what a component takes, gives and is run by. Written out, as loading the
 * schema builder takes longer than planning a recipe.
 */
export const ComponentManifest = {
  type: 'object',
  required: ['title', 'version', 'config', 'inputs', 'outputs', 'runtime', 'entry'],
  additionalProperties: false,
  properties: {
    title: { ...TEXT, description: 'One line for people: what the component does.' },
    version: {
      ...TEXT,
      pattern: '^\\d+(\\.\\d+)*$',
      description: 'Stands for the code of a shipped component.',
    },
    config: {
      type: 'object',
      additionalProperties: {},
      description:
        'JSON Schema (draft 2020-12) of the configuration. `x-file: true` marks a key that names a project file and counts by its content; `x-input: NAME` one whose value is a reference (or a list of them): it becomes the input NAME and leaves the configuration.',
    },
    inputs: {
      type: 'object',
      additionalProperties: {
        type: 'object',
        required: [],
        additionalProperties: false,
        properties: {
          kind: { enum: [...OUTPUT_KINDS, 'any'] },
          optional: { type: 'boolean' },
          description: TEXT,
        },
      },
    },
    outputs: {
      type: 'object',
      additionalProperties: {
        type: 'object',
        required: ['path', 'kind'],
        additionalProperties: false,
        properties: { path: TEXT, kind: KIND, description: TEXT },
      },
    },
    runtime: {
      enum: ['node', 'python', 'exec'],
      description:
        'node: a TypeScript module with `defineStep`; python: run by python3; exec: an executable file.',
    },
    entry: { ...TEXT, description: 'File beside component.yaml that runs the step.' },
    effect: { ...TEXT, description: 'What the driver reconciles from the request that the step writes.' },
  },
} as const;
export type ComponentManifest = Static<typeof ComponentManifest>;
