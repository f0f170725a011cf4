import type { Json, JsonObject } from '../core/json.ts';
import type { Plan } from '../core/plan.ts';
import { type Position, RecipeError } from '../core/recipe-error.ts';
import type { StepDraft } from './build-step.ts';
import { ejected } from './eject.ts';
import { evaluate, originOf, type Scope } from './evaluate.ts';
import type { BuiltCells } from './join-steps.ts';
import { positionOf, type Span } from './source.ts';
import type { Entry, MapTree, Tree } from './tree.ts';

/** Where a value of a resolved recipe came from. */
export interface Origin {
  /** `steps.train.with.learning_rate`, `params.url`, `target_col`. */
  readonly path: readonly string[];
  readonly value: Json;
  readonly from: 'recipe' | 'template' | 'profile' | 'set' | 'default';
  /** Where it stands in that file; absent for defaults. */
  readonly at?: Position;
  /** The component or template whose default it is, or the template it stands in. */
  readonly of?: string;
}

export interface OriginsOptions {
  readonly plan: Plan;
  readonly drafts: ReadonlyMap<string, StepDraft>;
  readonly built: readonly BuiltCells[];
  readonly top: MapTree;
  readonly params: MapTree;
  /** Names of the profile that expressions asked for. */
  readonly values: readonly (readonly [string, Entry])[];
  readonly settings: MapTree | undefined;
  readonly scope: Scope;
}

/** Every value of the resolved recipe, in the order of its file, with the place that decided it. */
export function originsOf(options: OriginsOptions): Origin[] {
  const { plan, top, params, values, settings, scope } = options;
  const named = (prefix: readonly string[], entries: Iterable<readonly [string, Entry]>): Origin[] =>
    [...entries].flatMap(([key, { value: tree }]) => {
      const value = valueOf(tree, scope);
      return value === undefined
        ? []
        : [{ path: [...prefix, key], value, ...placeOf(originOf(tree, scope), plan) }];
    });
  return [
    ...Object.entries(plan.recipeKeys).map(([key, value]): Origin => {
      const entry = top.entries.get(key);
      return entry === undefined
        ? { path: [key], value, from: 'default', of: plan.template ?? '' }
        : { path: [key], value, ...placeOf(originOf(entry.value, scope), plan) };
    }),
    ...named([], values),
    ...named(['params'], params.entries),
    ...named(
      ['settings'],
      [...(settings?.entries ?? [])].filter(([key]) => key !== 'secrets'),
    ),
    ...stepOrigins(options),
  ];
}

/** Undefined for what no step asked for and that could not be worked out: a plan holds without it. */
function valueOf(tree: Tree, scope: Scope): Json | undefined {
  try {
    return evaluate(tree, scope);
  } catch (error) {
    if (error instanceof RecipeError) return undefined;
    throw error;
  }
}

function stepOrigins({ plan, drafts, built, top, scope }: OriginsOptions): Origin[] {
  const { seed, steps } = ejected(plan);
  const origins: Origin[] = [];
  const seedEntry = top.entries.get('seed');
  if (seed !== undefined && seedEntry !== undefined)
    origins.push({ path: ['seed'], value: seed, ...placeOf(originOf(seedEntry.value, scope), plan) });
  for (const [name, step] of Object.entries(steps)) {
    const draft = drafts.get(name);
    const inputs = built.find((one) => one.name === name)?.cells[0]?.built.draftInputs ?? [];
    const place = (key: string, inner?: string): Omit<Origin, 'path' | 'value'> => {
      const tree =
        key === 'inputs'
          ? inputs.find((input) => input.name === inner)?.tree
          : draft === undefined
            ? undefined
            : treeAt(draft, key, inner);
      return tree === undefined
        ? { from: 'default', of: String((step as JsonObject)['uses'] ?? 'the engine') }
        : placeOf(originOf(tree, scope), plan);
    };
    for (const [key, value] of Object.entries(step as JsonObject)) {
      const isMap = ['with', 'inputs', 'outputs', 'env'].includes(key);
      if (!isMap) origins.push({ path: ['steps', name, key], value, ...place(key) });
      else
        for (const [inner, one] of Object.entries(value as JsonObject))
          origins.push({ path: ['steps', name, key, inner], value: one, ...place(key, inner) });
    }
  }
  return origins;
}

/** Where a key of a step is written: in a template's step configuration stands beside the engine's keys. */
function treeAt({ tree }: StepDraft, key: string, inner: string | undefined): Tree | undefined {
  const whole = tree.entries.get(key)?.value;
  if (inner === undefined) return whole;
  const found = whole?.kind === 'map' ? whole.entries.get(inner)?.value : undefined;
  return found ?? (key === 'with' ? tree.entries.get(inner)?.value : undefined);
}

function placeOf(span: Span, { file, template }: Plan): Omit<Origin, 'path' | 'value'> {
  const at = positionOf(span);
  if (at.file.startsWith('--set ')) return { from: 'set', at };
  if (at.file === file) return { from: 'recipe', at };
  return template !== undefined && at.file.endsWith(`templates/${template}.yaml`)
    ? { from: 'template', at: { ...at, file: `templates/${template}.yaml` }, of: template }
    : { from: 'profile', at };
}
