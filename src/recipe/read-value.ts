import { evaluate, type Scope } from './evaluate.ts';
import { nearest } from './nearest.ts';
import { errorAt, type Span } from './source.ts';
import type { MapTree, Tree } from './tree.ts';

/** Readers of single values: each checks a type and says what is wrong, where. */

export function invalid(span: Span, what: string, problem: string): Error {
  return errorAt(span, 'VALUE_INVALID', { what, problem });
}

export function mapTree(tree: Tree, what: string): MapTree {
  if (tree.kind !== 'map') throw invalid(tree.span, what, 'is not a map');
  return tree;
}

export function textValue(tree: Tree, what: string, scope: Scope): string {
  const value = evaluate(tree, scope);
  if (typeof value !== 'string') throw invalid(tree.span, what, 'is not a text');
  return value;
}

export function textList(tree: Tree, what: string, scope: Scope): string[] {
  const value = evaluate(tree, scope);
  const list = Array.isArray(value) ? value : [value];
  if (!list.every((item) => typeof item === 'string'))
    throw invalid(tree.span, what, 'is not a list of texts');
  return list;
}

export function wholeNumber(tree: Tree, what: string, scope: Scope, least = 0, most = Infinity): number {
  const value = evaluate(tree, scope);
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least)
    throw invalid(tree.span, what, `is not a whole number from ${least}`);
  if (value > most) throw invalid(tree.span, what, `is more than ${most}`);
  return value;
}

export function numberValue(tree: Tree, what: string, scope: Scope): number {
  const value = evaluate(tree, scope);
  if (typeof value !== 'number' || !(value > 0)) throw invalid(tree.span, what, 'is not a number above 0');
  return value;
}

export function booleanValue(tree: Tree, what: string, scope: Scope): boolean {
  const value = evaluate(tree, scope);
  if (typeof value !== 'boolean') throw invalid(tree.span, what, 'is neither true nor false');
  return value;
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** What a timer can wait for: 24 days and a bit. A longer one would go off at once. */
export const MAX_WAIT_MS = 2 ** 31 - 1;
const MAX_AGE_MS = 36_500 * 86_400_000;

/** `90s`, `10m`, `2h`, `7d` in milliseconds, whole ones; undefined if it is no duration. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text);
  const unit = UNIT_MS[match?.[2] ?? ''];
  // 1.1 × 3,600,000 is a little more than 3,960,000.
  return match === null || unit === undefined ? undefined : Math.round(Number(match[1]) * unit);
}

export function durationMs(tree: Tree, what: string, scope: Scope, most = MAX_AGE_MS): number {
  const ms = parseDuration(String(evaluate(tree, scope)));
  if (ms === undefined) throw invalid(tree.span, what, 'is not a duration such as 90s, 10m, 2h');
  if (ms > most) throw invalid(tree.span, what, `is longer than ${Math.floor(most / 86_400_000)} days`);
  return ms;
}

const UNIT_BYTES: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** `512MiB`, `4GB` in bytes; undefined if it is no size. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([kKMGT]i?B|B)$/.exec(text);
  const unit = UNIT_BYTES[match?.[2] ?? ''];
  return match === null || unit === undefined ? undefined : Math.round(Number(match[1]) * unit);
}

export function sizeBytes(tree: Tree, what: string, scope: Scope): number {
  const bytes = parseSize(String(evaluate(tree, scope)));
  if (bytes === undefined) throw invalid(tree.span, what, 'is not a size such as 512MiB, 4GB');
  if (!Number.isSafeInteger(bytes)) throw invalid(tree.span, what, 'is larger than any disk or memory');
  return bytes;
}

/** @throws RecipeError KEY_UNKNOWN for the first key that is not among `known`. */
export function knownKeys(map: MapTree, where: string, known: readonly string[]): void {
  for (const [key, { key: span }] of map.entries)
    if (!known.includes(key))
      throw errorAt(span, 'KEY_UNKNOWN', { key, where, known, near: nearest(key, known) });
}
