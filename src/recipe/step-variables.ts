import type { PlanStep } from '../core/plan.ts';
import {
  CHECKPOINT_VARIABLE,
  cacheVariable,
  GPUS_VARIABLE,
  inputVariable,
  OWN_VARIABLES,
  outputVariable,
  RECORDER_VARIABLES,
} from '../core/step-variables.ts';
import { errorAt, type Span } from './source.ts';
import type { MapTree } from './tree.ts';

/** What a step's variables come from. */
export interface VariablesRequest
  extends Pick<
    PlanStep,
    'action' | 'outputs' | 'env' | 'passEnv' | 'checkpoint' | 'caches' | 'mlflow' | 'resources'
  > {
  readonly inputs: readonly string[];
}

interface Variable {
  readonly name: string;
  /** Who gives it, in the recipe's words: `caches: hf`, `env.TOKEN`. */
  readonly giver: string;
  readonly span: Span;
  /** The name cannot be another: it is for whoever else wants it to give way. */
  readonly isFixed: boolean;
}

/**
 * Each variable of a step comes from one place: none hides another without a word. What every step has by
 * default, as `PATH` and `TZ`, others may give.
 *
 * @param step as written
 * @param span where the step stands
 * @throws RecipeError NAME_CLASH where the second of two stands
 */
export function checkVariables(step: MapTree, span: Span, request: VariablesRequest): void {
  const known = new Map<string, Variable>();
  for (const variable of [
    ...ofPaths(step, span, request),
    ...ofEngine(span, request),
    ...ofCaller(step, span, request),
  ]) {
    const { name, giver } = variable;
    const other = known.get(name);
    if (other !== undefined && other.giver !== giver)
      throw errorAt(variable.span, 'NAME_CLASH', {
        a: other.giver,
        b: giver,
        variable: name,
        isFixed: other.isFixed,
      });
    known.set(name, variable);
  }
}

function ofPaths(step: MapTree, span: Span, { inputs, outputs, caches = [] }: VariablesRequest): Variable[] {
  const isFixed = false;
  return [
    ...inputs.map((one) => ({ name: inputVariable(one), giver: `inputs.${one}`, span, isFixed })),
    ...Object.keys(outputs).map((one) => ({
      name: outputVariable(one),
      giver: `outputs.${one}`,
      span,
      isFixed,
    })),
    ...caches.map((one) => ({
      name: cacheVariable(one),
      giver: `caches: ${one}`,
      span: spanOf(step, 'caches', one) ?? span,
      isFixed,
    })),
  ];
}

function ofEngine(span: Span, { action, checkpoint, mlflow, resources }: VariablesRequest): Variable[] {
  const fixed = (name: string, giver: string): Variable => ({ name, giver, span, isFixed: true });
  return [
    ...OWN_VARIABLES.map((name) => fixed(name, `${name} of every step`)),
    ...(action.kind === 'bash' ? Object.keys(action.variables).map((name) => fixed(name, 'run')) : []),
    ...(checkpoint === undefined ? [] : [fixed(CHECKPOINT_VARIABLE, 'checkpoint')]),
    ...(resources.gpus === undefined ? [] : [fixed(GPUS_VARIABLE, 'resources.gpus')]),
    ...(mlflow === true ? RECORDER_VARIABLES.map((name) => fixed(name, 'mlflow')) : []),
  ];
}

function ofCaller(step: MapTree, span: Span, { passEnv, env }: VariablesRequest): Variable[] {
  // Another HOME is given on purpose, where one that is passed would be hidden.
  const set = Object.keys(env).filter((name) => !OWN_VARIABLES.some((own) => own === name));
  return [
    ...passEnv.map((name) => ({
      name,
      giver: `pass_env: ${name}`,
      span: spanOf(step, 'pass_env', name) ?? span,
      isFixed: false,
    })),
    ...set.map((name) => ({
      name,
      giver: `env.${name}`,
      span: spanOf(step, 'env', name) ?? span,
      isFixed: false,
    })),
  ];
}

/** Where a name stands in a list or as a key; the whole of it if an expression gives the name. */
function spanOf(step: MapTree, key: string, name: string): Span | undefined {
  const tree = step.entries.get(key)?.value;
  if (tree?.kind === 'map') return tree.entries.get(name)?.key;
  const item =
    tree?.kind === 'list'
      ? tree.items.findLast((one) => one.kind === 'scalar' && one.value === name)
      : undefined;
  return (item ?? tree)?.span;
}
