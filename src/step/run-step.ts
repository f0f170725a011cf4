import { appendFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ReportEntry } from '../core/events.ts';
import type { StepFile } from '../core/step-file.ts';
import type { StepContext } from './define-step.ts';
import { isDefinition } from './manifest-of.ts';

/**
 * Runs a definition as its step file says.
 *
 * @throws whatever the step throws, and an Error if the module has no step or the configuration does not fit.
 */
export async function runStep(exported: unknown, file: StepFile, entry: string): Promise<void> {
  if (!isDefinition(exported))
    throw new Error(`${entry} does not export a step: write \`export const step = defineStep({ … })\``);
  const config = structuredClone(file.config);
  const ajv = new Ajv2020({ useDefaults: true, strict: false, allErrors: false });
  if (!ajv.validate(withoutReferences(exported.config as SchemaNode), config))
    throw new Error(`The configuration does not fit: ${ajv.errorsText(ajv.errors, { dataVar: 'with' })}`);
  for (const [name, { optional }] of Object.entries(exported.inputs))
    if (optional !== true && file.inputs[name] === undefined) throw new Error(`The input ${name} is missing`);
  const context: StepContext = {
    step: file.step,
    config,
    inputs: pathsOf(file.inputs),
    inputDigests: Object.fromEntries(Object.entries(file.inputs).map(([name, { digest }]) => [name, digest])),
    inputNames: Object.fromEntries(Object.entries(file.inputs).map(([name, input]) => [name, input.name])),
    outputs: pathsOf(file.outputs),
    seed: file.seed,
    threads: file.threads,
    memoryBytes: file.memoryBytes,
    tmp: file.tmp,
    checkpoint: file.checkpoint,
    caches: file.caches ?? {},
    report: (line: ReportEntry) => appendFileSync(file.report, `${JSON.stringify(line)}\n`),
  };
  await exported.run(context);
}

interface SchemaNode {
  readonly properties?: Readonly<Record<string, { readonly 'x-input'?: string }>>;
  readonly required?: readonly string[];
}

/** Keys marked `x-input` arrive as inputs: the configuration that a step is given lacks them. */
function withoutReferences(schema: SchemaNode): object {
  if (schema.properties === undefined) return schema;
  const entries = Object.entries(schema.properties).filter(
    ([, property]) => property['x-input'] === undefined,
  );
  const properties = Object.fromEntries(entries);
  const required = (schema.required ?? []).filter((name) => name in properties);
  return { ...schema, properties, required };
}

function pathsOf(map: Readonly<Record<string, { readonly path: string }>>): Record<string, string> {
  return Object.fromEntries(Object.entries(map).map(([name, { path }]) => [name, path]));
}
