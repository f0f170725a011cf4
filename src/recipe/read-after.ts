import type { AfterRule, FollowedValue } from '../core/schedule-rules.ts';
import { evaluate, type Scope } from './evaluate.ts';
import { nearest } from './nearest.ts';
import { invalid, knownKeys, mapTree, textValue } from './read-value.ts';
import { errorAt } from './source.ts';
import type { Entry } from './tree.ts';

/** Whether the project has a recipe of this name; if not, those that it has. */
export type FindRecipe = (name: string) => true | readonly string[];

/** `evaluate.verdict`, or a key in it: `evaluate.verdict.verdict`. */
const OUTPUT = /^([a-z][a-z0-9_-]*)\.([a-z][a-z0-9_-]*)((?:\.[^.]+)*)$/;

/**
 * The `after:` of a schedule: the name of a recipe, or a map that names one.
 *
 * @throws RecipeError VALUE_INVALID, KEY_UNKNOWN, KEY_MISSING, SCHEDULE_AFTER_UNKNOWN with a position
 */
export function readAfter({ value }: Entry, scope: Scope, findRecipe: FindRecipe): AfterRule {
  if (value.kind !== 'map') return { kind: 'after', recipe: readRecipe(value, scope, findRecipe) };
  const map = mapTree(value, 'schedule.after');
  knownKeys(map, 'schedule.after', ['recipe', 'output', 'equals']);
  const [recipe, output, equals] = ['recipe', 'output', 'equals'].map((key) => map.entries.get(key));
  if (recipe === undefined)
    throw errorAt(map.span, 'KEY_MISSING', { key: 'recipe', where: 'schedule.after' });
  if (output === undefined && equals !== undefined)
    throw invalid(equals.key, 'schedule.after.equals', 'belongs to output');
  return {
    kind: 'after',
    recipe: readRecipe(recipe.value, scope, findRecipe),
    ...(output === undefined ? {} : { value: readFollowed(output, equals, scope) }),
  };
}

function readRecipe(value: Entry['value'], scope: Scope, findRecipe: FindRecipe): string {
  const recipe = textValue(value, 'schedule.after', scope);
  const known = findRecipe(recipe);
  if (known !== true)
    throw errorAt(value.span, 'SCHEDULE_AFTER_UNKNOWN', { recipe, known, near: nearest(recipe, known) });
  return recipe;
}

function readFollowed({ value }: Entry, equals: Entry | undefined, scope: Scope): FollowedValue {
  const found = OUTPUT.exec(textValue(value, 'schedule.after.output', scope));
  if (found === null)
    throw invalid(value.span, 'schedule.after.output', 'is not STEP.OUTPUT, as in evaluate.verdict');
  const [, step = '', output = '', keys = ''] = found;
  return {
    step,
    output,
    keys: keys.split('.').slice(1),
    ...(equals === undefined ? {} : { equals: evaluate(equals.value, scope) }),
  };
}
