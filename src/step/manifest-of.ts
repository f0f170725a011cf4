import type { ComponentManifest } from '../core/component.ts';
import type { StepDefinition } from './define-step.ts';

/** What a definition says of itself, as `component.yaml` holds it. Plain JSON, without what is undefined. */
export function manifestOf(
  { title, version = '0', config, inputs, outputs, effect }: StepDefinition,
  entry: string,
): ComponentManifest {
  const manifest = {
    title,
    version,
    config,
    inputs,
    outputs,
    runtime: 'node',
    entry,
    ...(effect === undefined ? {} : { effect }),
  };
  return JSON.parse(JSON.stringify(manifest)) as ComponentManifest;
}

export function isDefinition(value: unknown): value is StepDefinition {
  return (
    typeof value === 'object' &&
    value !== null &&
    'run' in value &&
    'config' in value &&
    'inputs' in value &&
    'outputs' in value
  );
}
