import type { Json } from '../core/json.ts';
import type { TextPart } from '../core/plan.ts';
import { type Expression, ExpressionError, parseExpression } from './expression.ts';
import { nearest } from './nearest.ts';
import { errorAt, type Span } from './source.ts';
import type { ExpressionPart, ScalarTree, Tree } from './tree.ts';

/** The nominal instant of a scheduled run: other runs have none. */
export const TICK_AT = 'tick.at';

/** What an expression may name. */
export interface Scope {
  /** A value by path; undefined if there is none. `from` is where it is asked, for errors in what it leads to. */
  lookUp(path: readonly string[], from: Span): Found | undefined;
  /** Names for "did you mean". */
  names(): Iterable<string>;
  /** `"c.json" | from_json` */
  readJson(path: string, from: Span): Json;
  /** Counts a value that is put in; says what is wrong if it is too much. */
  spend(value: Json): string | undefined;
}

export type Found =
  | {
      readonly kind: 'value';
      readonly value: Json;
      readonly written?: string;
      /** Where the value stands. */
      readonly origin?: Span;
    }
  | { readonly kind: 'symbol'; readonly part: TextPart };

/** The value of a tree with all its expressions worked out. Symbols are refused: they have no value yet. */
export function evaluate(tree: Tree, scope: Scope): Json {
  switch (tree.kind) {
    case 'map': {
      const map: Record<string, Json> = Object.create(null) as Record<string, Json>;
      for (const [key, entry] of tree.entries) map[key] = evaluate(entry.value, scope);
      return { ...map };
    }
    case 'list':
      return tree.items.flatMap((item) => {
        const value = evaluate(item, scope);
        return [value];
      });
    case 'scalar':
      return evaluateScalar(tree, scope);
  }
}

export function evaluateScalar(tree: ScalarTree, scope: Scope): Json {
  if (tree.parts === undefined) return tree.value;
  const [only] = tree.parts;
  if (tree.parts.length === 1 && only !== undefined && typeof only !== 'string') {
    const found = find(only, scope);
    if (found.kind === 'symbol') throw misplaced(only);
    return found.value;
  }
  return textOf(tree, scope)
    .map((part) => {
      if (typeof part === 'string') return part;
      throw misplaced(tree.parts?.find((piece) => typeof piece !== 'string') as ExpressionPart);
    })
    .join('');
}

/** A scalar as text with symbols in it: numbers as they are written. */
export function textOf(tree: ScalarTree, scope: Scope): TextPart[] {
  if (tree.parts === undefined) return [tree.written === '' ? String(tree.value ?? '') : tree.written];
  return tree.parts.map((part) => {
    if (typeof part === 'string') return part;
    const found = find(part, scope);
    return found.kind === 'symbol' ? found.part : scalarText(found, part);
  });
}

/** The whole scalar if it is exactly one expression. */
export function soleExpression(tree: ScalarTree): ExpressionPart | undefined {
  const [only] = tree.parts ?? [];
  return tree.parts?.length === 1 && typeof only === 'object' ? only : undefined;
}

/** Where the value of a tree stands: what is one name is where that name has its value from. */
export function originOf(tree: Tree, scope: Scope): Span {
  const only = tree.kind === 'scalar' ? soleExpression(tree) : undefined;
  const subject = only === undefined ? undefined : parse(only).subject;
  if (only === undefined || subject?.kind !== 'path') return tree.span;
  const found = scope.lookUp(subject.path, only.span);
  return (found?.kind === 'value' ? found.origin : undefined) ?? tree.span;
}

/** @throws RecipeError EXPRESSION_INVALID, NAME_UNKNOWN */
export function find(part: ExpressionPart, scope: Scope): Found {
  const expression = parse(part);
  let found = subjectOf(expression, part, scope);
  for (const { name, args } of expression.filters) {
    if (name === 'default') found ??= { kind: 'value', value: args[0] ?? null };
    else {
      const value = defined(found, expression, part, scope);
      if (value.kind === 'symbol') throw misplaced(part);
      found = {
        kind: 'value',
        value: name === 'join' ? joined(value.value, args[0], part) : fromJson(value.value, part, scope),
      };
    }
  }
  const result = defined(found, expression, part, scope);
  const problem = result.kind === 'value' ? scope.spend(result.value) : undefined;
  if (problem !== undefined)
    throw errorAt(part.span, 'EXPRESSION_INVALID', { expression: part.text, problem });
  return result;
}

function subjectOf({ subject }: Expression, part: ExpressionPart, scope: Scope): Found | undefined {
  if (subject.kind === 'literal') return { kind: 'value', value: subject.value };
  return scope.lookUp(subject.path, part.span);
}

function defined(
  found: Found | undefined,
  { subject }: Expression,
  part: ExpressionPart,
  scope: Scope,
): Found {
  if (found !== undefined) return found;
  const name = subject.kind === 'path' ? subject.path.join('.') : '';
  if (name === TICK_AT) throw errorAt(part.span, 'TICK_MISSING', undefined);
  const known = [...scope.names()];
  throw errorAt(part.span, 'NAME_UNKNOWN', { name, known, near: nearest(name, known) });
}

function parse(part: ExpressionPart): Expression {
  try {
    return parseExpression(part.text);
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    const { source, start, end } = part.span;
    const at = Math.min(start + 2 + error.offset, end - 1);
    throw errorAt({ source, start: at, end }, 'EXPRESSION_INVALID', {
      expression: part.text,
      problem: error.message,
    });
  }
}

function scalarText(found: Found & { kind: 'value' }, part: ExpressionPart): string {
  const { value, written } = found;
  if (typeof value === 'object' && value !== null)
    throw errorAt(part.span, 'EXPRESSION_INVALID', {
      expression: part.text,
      problem: 'a list or map cannot be glued to text',
    });
  return written ?? String(value ?? '');
}

function joined(value: Json, separator: Json | undefined, part: ExpressionPart): string {
  if (!Array.isArray(value))
    throw errorAt(part.span, 'EXPRESSION_INVALID', { expression: part.text, problem: 'join takes a list' });
  return value
    .map((item) => (typeof item === 'string' ? item : JSON.stringify(item)))
    .join(String(separator ?? ''));
}

function fromJson(value: Json, part: ExpressionPart, scope: Scope): Json {
  if (typeof value !== 'string')
    throw errorAt(part.span, 'EXPRESSION_INVALID', {
      expression: part.text,
      problem: 'from_json takes the name of a file',
    });
  return scope.readJson(value, part.span);
}

function misplaced(part: ExpressionPart): Error {
  return errorAt(part.span, 'SYMBOL_MISPLACED', { symbol: part.text.trim() });
}
