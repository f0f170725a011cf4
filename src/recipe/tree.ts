import type { Json } from '../core/json.ts';
import type { Span } from './source.ts';

/** A parsed file: what YAML says, with where it says it. Expressions are still unevaluated. */
export type Tree = MapTree | ListTree | ScalarTree;

export interface MapTree {
  readonly kind: 'map';
  readonly entries: ReadonlyMap<string, Entry>;
  readonly span: Span;
}

export interface Entry {
  readonly key: Span;
  readonly value: Tree;
}

export interface ListTree {
  readonly kind: 'list';
  readonly items: readonly Tree[];
  readonly span: Span;
}

export interface ScalarTree {
  readonly kind: 'scalar';
  readonly value: string | number | boolean | null;
  /** The number as it is written, `0.10`; for what is glued into text or passed to a program. */
  readonly written: string;
  /** Pieces of text and expressions, if there are expressions in it. */
  readonly parts?: readonly (string | ExpressionPart)[];
  readonly span: Span;
}

export interface ExpressionPart {
  readonly text: string;
  readonly span: Span;
}

export function mapOf(entries: Iterable<readonly [string, Entry]>, span: Span): MapTree {
  return { kind: 'map', entries: new Map(entries), span };
}

/** `over` laid over `base`, key by key; what stands in both is taken from `over`. */
export function overlay(base: MapTree, over: MapTree): MapTree {
  return mapOf([...base.entries, ...over.entries], over.span);
}

/** A value that came out of an expression, as a tree that stands where the expression does. */
export function treeOf(value: Json, span: Span): Tree {
  if (Array.isArray(value))
    return { kind: 'list', items: value.map((item: Json) => treeOf(item, span)), span };
  if (typeof value !== 'object' || value === null)
    return { kind: 'scalar', value: value, written: String(value ?? ''), span };
  return mapOf(
    Object.entries(value).map(([key, inner]) => [key, { key: span, value: treeOf(inner, span) }] as const),
    span,
  );
}
