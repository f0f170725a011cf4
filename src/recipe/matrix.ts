import { canonicalJson } from '../core/canonical-json.ts';
import type { Json, JsonObject } from '../core/json.ts';
import { isJsonObject } from '../core/json.ts';
import { evaluate, type Scope } from './evaluate.ts';
import { errorAt } from './source.ts';
import type { Tree } from './tree.ts';

/** One cell: its axes in the order written, and its name, `lr=0.1,seed=1`. */
export interface Cell {
  readonly name: string;
  readonly axes: JsonObject;
}

const PLAIN = /^[A-Za-z0-9_.+-]{1,64}$/;
const AXIS = /^[a-z][a-z0-9_-]*$/i;
/** A cell's name is the name of a folder. */
const MAX_NAME = 200;

/**
 * The cells of a matrix: all combinations of its axes in the order written, without those that `exclude`
 * matches, with those that `include` adds.
 *
 * @throws RecipeError MATRIX_INVALID
 */
export function expandMatrix(tree: Tree, step: string, limit: number, scope: Scope): Cell[] {
  const bad = (problem: string, at = tree): Error => errorAt(at.span, 'MATRIX_INVALID', { step, problem });
  if (tree.kind !== 'map') throw bad('is not a map of axes');
  const axes: [string, readonly Json[]][] = [];
  let include: readonly JsonObject[] = [];
  let exclude: readonly JsonObject[] = [];
  for (const [key, { value }] of tree.entries) {
    const values = evaluate(value, scope);
    if (!Array.isArray(values)) throw bad(`has an axis ${key} that is no list`, value);
    if (key === 'include' || key === 'exclude') {
      if (!values.every(isJsonObject)) throw bad(`has an entry under ${key} that is no map`, value);
      const stranger = values.flatMap(Object.keys).find((axis) => !AXIS.test(axis));
      if (stranger !== undefined) throw bad(`has the axis ${stranger}, which is no name`, value);
      if (key === 'include') include = values;
      else exclude = values;
      continue;
    }
    if (!AXIS.test(key)) throw bad(`has the axis ${key}, which is no name`, value);
    if (values.length === 0) throw bad(`has an empty axis ${key}`, value);
    axes.push([key, values as readonly Json[]]);
  }
  const count = axes.reduce((product, [, values]) => product * values.length, axes.length === 0 ? 0 : 1);
  if (count + include.length > limit) throw bad(`has ${count + include.length} cells, more than ${limit}`);
  let cells: JsonObject[] = axes.length === 0 ? [] : [{}];
  for (const [axis, values] of axes)
    cells = cells.flatMap((cell) => values.map((value) => Object.assign({}, cell, { [axis]: value })));
  const kept = cells.filter((cell) => !exclude.some((rule) => matches(cell, rule)));
  const all = [
    ...kept,
    ...include.filter((extra) => !kept.some((cell) => canonicalJson(cell) === canonicalJson(extra))),
  ];
  if (all.length === 0) throw bad('has no cells');
  const seen = new Set<string>();
  return all.map((cell) => {
    const name = Object.entries(cell)
      .map(
        ([axis, value]) => `${axis}=${valueName(value, axes.find(([known]) => known === axis)?.[1] ?? [])}`,
      )
      .join(',');
    if (name.length > MAX_NAME) throw bad(`has a cell whose name is longer than ${MAX_NAME} characters`);
    let unique = name;
    for (let n = 1; seen.has(unique); n += 1) unique = `${name}+${n}`;
    seen.add(unique);
    return { name: unique, axes: cell };
  });
}

/** A value with other characters than a name may have shows as its index in the axis. */
function valueName(value: Json, values: readonly Json[]): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return PLAIN.test(text) ? text : String(Math.max(0, values.indexOf(value)));
}

function matches(cell: JsonObject, rule: JsonObject): boolean {
  return Object.entries(rule).every(
    ([axis, value]) =>
      Object.hasOwn(cell, axis) && canonicalJson(cell[axis] as Json) === canonicalJson(value),
  );
}
