import type { Action, Text } from '../core/plan.ts';
import type { StepFile } from '../core/step-file.ts';
import { CHECKPOINT_VARIABLE, cacheVariable, inputVariable, outputVariable } from '../core/step-variables.ts';

/** Puts the paths of an attempt where a command's text has symbols. */
export function textWithPaths(text: Text, step: StepFile): string {
  if (typeof text === 'string') return text;
  return text
    .map((part) => {
      if (typeof part === 'string') return part;
      if ('input' in part) return step.inputs[part.input]?.path ?? '';
      if ('output' in part) return step.outputs[part.output]?.path ?? '';
      return 'cache' in part ? (step.caches?.[part.cache] ?? '') : (step.checkpoint ?? '');
    })
    .join('');
}

/** The argv of a command step, and the variables that its shell text refers to. */
export function commandLine(
  action: Action & { kind: 'argv' | 'bash' },
  step: StepFile,
): { argv: readonly [string, ...string[]]; variables: Record<string, string> } {
  if (action.kind === 'argv') {
    const [program = '', ...args] = action.argv.map((text) => textWithPaths(text, step));
    return { argv: [program, ...args], variables: {} };
  }
  const variables = Object.fromEntries(
    Object.entries(action.variables).map(([name, text]) => [name, textWithPaths(text, step)]),
  );
  return { argv: ['bash', '-euo', 'pipefail', '-c', action.script], variables };
}

/** `IN_raw`, `OUT_model`, `CACHE_hf`, `CHECKPOINT`: a `-` in a name becomes `_`. */
export function pathVariables(step: StepFile): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const [name, { path }] of Object.entries(step.inputs)) variables[inputVariable(name)] = path;
  for (const [name, { path }] of Object.entries(step.outputs)) variables[outputVariable(name)] = path;
  for (const [name, path] of Object.entries(step.caches ?? {})) variables[cacheVariable(name)] = path;
  if (step.checkpoint !== undefined) variables[CHECKPOINT_VARIABLE] = step.checkpoint;
  return variables;
}
