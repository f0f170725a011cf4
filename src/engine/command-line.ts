import type { Action, Text } from '../core/plan.ts';
import type { StepFile } from '../core/step-file.ts';

/** Puts the paths of an attempt where a command's text has symbols. */
export function textWithPaths(text: Text, step: StepFile): string {
  if (typeof text === 'string') return text;
  return text
    .map((part) => {
      if (typeof part === 'string') return part;
      return 'input' in part
        ? (step.inputs[part.input]?.path ?? '')
        : (step.outputs[part.output]?.path ?? '');
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

/** `IN_raw`, `OUT_model`: a `-` in a name becomes `_`. */
export function pathVariables(step: StepFile): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const [name, { path }] of Object.entries(step.inputs))
    variables[`IN_${name.replaceAll('-', '_')}`] = path;
  for (const [name, { path }] of Object.entries(step.outputs))
    variables[`OUT_${name.replaceAll('-', '_')}`] = path;
  return variables;
}
