import type { Json } from './json.ts';

/**
 * The one spelling of a JSON value: keys in code-unit order, no white space, ECMAScript's numbers
 * (RFC 8785). Equal values give equal bytes, so its SHA-256 names the value.
 *
 * @throws TypeError on what JSON cannot say: `NaN`, infinities, `undefined`, a lone surrogate, a `Map`.
 */
export function canonicalJson(value: Json): string {
  switch (typeof value) {
    case 'string':
      return canonicalString(value);
    case 'number':
      if (!Number.isFinite(value)) throw new TypeError(`Not JSON: ${value}`);
      return JSON.stringify(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      if (value === null) return 'null';
      return Array.isArray(value) ? canonicalList(value) : canonicalMap(value as { [key: string]: Json });
    default:
      throw new TypeError(`Not JSON: ${typeof value}`);
  }
}

function canonicalString(text: string): string {
  if (!text.isWellFormed()) throw new TypeError('Not JSON: a lone surrogate');
  return JSON.stringify(text);
}

function canonicalList(list: readonly Json[]): string {
  let text = '[';
  for (let i = 0; i < list.length; i += 1) {
    if (i > 0) text += ',';
    text += canonicalJson(list[i] as Json);
  }
  return `${text}]`;
}

function canonicalMap(map: { readonly [key: string]: Json }): string {
  const prototype: unknown = Object.getPrototypeOf(map);
  if (prototype !== null && prototype !== Object.prototype) throw new TypeError('Not JSON: a class instance');
  let text = '{';
  for (const key of Object.keys(map).toSorted(byCodeUnit)) {
    if (text.length > 1) text += ',';
    text += `${canonicalString(key)}:${canonicalJson(map[key] as Json)}`;
  }
  return `${text}}`;
}

function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
