import { stringify } from 'yaml';
import type { Json, JsonObject } from '../core/json.ts';
import type { Action, EnvValue, Plan, PlanInput, PlanStep, Text } from '../core/plan.ts';

/** The recipe with its template, profile and expressions worked in, as a recipe of its own. */
export function ejectPlan(plan: Plan): string {
  return stringify(ejected(plan), { lineWidth: 110 });
}

/** The same as a value. Of a matrix it has the first cell. */
export function ejected(plan: Plan): { readonly seed?: number; readonly steps: JsonObject } {
  const steps = new Map<string, Json>();
  for (const step of plan.steps) if (!steps.has(step.name)) steps.set(step.name, ejectStep(step, plan.seed));
  return { ...(plan.seed === 0 ? {} : { seed: plan.seed }), steps: Object.fromEntries(steps) };
}

function ejectStep(step: PlanStep, seed: number): Json {
  const shipped = step.action.kind === 'shipped' || step.action.kind === 'own';
  return prune({
    ...actionOf(step.action),
    inputs: mapOf(step.inputs, inputText),
    outputs: shipped ? {} : mapOf(step.outputs, ({ path, kind }) => ({ path, kind })),
    with: step.config,
    code: step.code,
    env: mapOf(step.env, envOf),
    pass_env: step.passEnv,
    resources: prune({
      cpus: step.resources.cpus ?? null,
      memory: step.resources.memoryBytes === undefined ? null : `${step.resources.memoryBytes}B`,
      gpus: step.resources.gpus ?? null,
    }),
    timeout: step.timeoutMs === undefined ? null : `${step.timeoutMs}ms`,
    limits: step.limits,
    cache:
      step.cache === 'always' ? null : step.cache === 'never' ? 'never' : { ttl: `${step.cache.ttlMs}ms` },
    seed: step.seed === seed ? null : step.seed,
    isolation: step.isolation === 'attempt' ? null : step.isolation,
    tools: step.tools,
    checkpoint: step.checkpoint === undefined ? null : { every: `${step.checkpoint.everyMs}ms` },
    caches: step.caches ?? [],
    when: step.when ? null : false,
  });
}

function actionOf(action: Action): Record<string, Json> {
  switch (action.kind) {
    case 'argv':
      return { run: action.argv.map(textOf) };
    case 'bash': {
      const text = action.script.replaceAll(/"\$\{(STOCKPOT_\d+)\}"/g, (_, name: string) =>
        textOf(action.variables[name] ?? ''),
      );
      return { run: text };
    }
    case 'shipped':
      return { uses: action.component };
    case 'own':
      return { uses: `./${action.entry.replace(/\/run\.ts$/, '')}` };
  }
}

function textOf(text: Text): string {
  if (typeof text === 'string') return text;
  return text
    .map((part) => {
      if (typeof part === 'string') return part;
      if ('input' in part) return `{{ inputs.${part.input} }}`;
      if ('output' in part) return `{{ outputs.${part.output} }}`;
      return 'cache' in part ? `{{ caches.${part.cache} }}` : '{{ checkpoint }}';
    })
    .join('');
}

function envOf(value: EnvValue): Json {
  if (typeof value === 'string') return value;
  return 'text' in value ? textOf(value.text) : { ...value };
}

function inputText(input: PlanInput): Json {
  switch (input.kind) {
    case 'output':
      return `${input.step}.${input.output}`;
    case 'cells':
      return `${input.cells[0]?.step.split('@')[0] ?? ''}.*.${input.output}`;
    case 'path':
      return `./${input.path}`;
    case 'uri':
      return input.uri;
    case 'model':
      return input.reference;
    case 'list':
      return input.items.map(inputText);
  }
}

function mapOf<T>(map: Readonly<Record<string, T>>, change: (value: T) => Json): Record<string, Json> {
  return Object.fromEntries(Object.entries(map).map(([key, value]) => [key, change(value)]));
}

/** Without what says nothing. */
function prune(map: Record<string, Json>): Record<string, Json> {
  return Object.fromEntries(
    Object.entries(map).filter(
      ([, value]) => value !== null && !(typeof value === 'object' && Object.keys(value).length === 0),
    ),
  );
}
