import type { Json } from '../core/json.ts';

/**
 * Sizes of values as text, roughly, in characters. A list that is in a value many times is counted once
 * for each, but looked into once.
 */
export class ValueSizes {
  readonly #known = new WeakMap<object, number>();

  of(value: Json): number {
    if (typeof value === 'string') return value.length;
    if (typeof value !== 'object' || value === null) return 8;
    let size = this.#known.get(value);
    if (size === undefined) {
      size = 2;
      for (const [key, inner] of Object.entries(value)) size += key.length + this.of(inner);
      this.#known.set(value, size);
    }
    return size;
  }
}
