import type { Json } from '../core/json.ts';

/** What one expression may give, in characters of its JSON. */
const MAX_VALUE = 1 << 20;
/** What all expressions of a recipe may give together, in characters of their JSON. */
const MAX_TOTAL = 64 << 20;
/** As deep as YAML may be. */
export const MAX_DEPTH = 64;
/** Putting in a value costs time however small it is. */
const LEAST = 16;

interface Measure {
  readonly size: number;
  readonly depth: number;
}

/**
 * Counts what expressions give. A few lines that each name the one before twice would say more than any
 * memory holds: values are shared while they are worked out, and written out where they are used.
 */
export class ValueBudget {
  #left = MAX_TOTAL;
  readonly #measures = new WeakMap<object, Measure>();

  /** What is wrong with putting in `value` once more; undefined if nothing is. */
  spend(value: Json): string | undefined {
    const { size, depth } = this.#measure(value);
    if (depth > MAX_DEPTH) return `its value is nested deeper than ${MAX_DEPTH} levels`;
    if (size > MAX_VALUE) return 'its value is larger than 1 MiB';
    this.#left -= Math.max(size, LEAST);
    return this.#left < 0 ? 'the values of all expressions are larger than 64 MiB' : undefined;
  }

  /** Recursion is as deep as what is new: parts that were put in before are known. */
  #measure(value: Json): Measure {
    if (typeof value !== 'object' || value === null)
      return { size: typeof value === 'string' ? value.length + 2 : 8, depth: 0 };
    const known = this.#measures.get(value);
    if (known !== undefined) return known;
    let [size, depth] = [2, 0];
    for (const [key, inner] of Object.entries(value)) {
      const part = this.#measure(inner);
      size += part.size + (Array.isArray(value) ? 1 : key.length + 4);
      depth = Math.max(depth, part.depth);
    }
    const measure = { size, depth: depth + 1 };
    this.#measures.set(value, measure);
    return measure;
  }
}

/** Why `value`, which came from a JSON file or an expression, cannot be a value of a recipe. */
export function problemOf(value: Json, depth = 0): string | undefined {
  if (typeof value === 'string') return value.isWellFormed() ? undefined : 'holds half a character';
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) return 'holds a number that is too large';
    return Number.isInteger(value) && !Number.isSafeInteger(value)
      ? 'holds an integer that is not exact: quote it'
      : undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  if (depth >= MAX_DEPTH) return `is nested deeper than ${MAX_DEPTH} levels`;
  for (const [key, inner] of Object.entries(value)) {
    if (!key.isWellFormed()) return 'holds half a character';
    const problem = problemOf(inner, depth + 1);
    if (problem !== undefined) return problem;
  }
  return undefined;
}
