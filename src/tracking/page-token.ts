import { createHash } from 'node:crypto';
import { RecipeError } from '../core/recipe-error.ts';
import type { Position } from './keyset.ts';
import type { SortKey } from './sort-key.ts';

/** MLflow's page token: base64 of JSON that says which search it is of, and after which row the next page begins. */
export function pageToken(search: string, after: Position): string {
  return Buffer.from(JSON.stringify({ search, after })).toString('base64url');
}

/**
 * Where a page begins; undefined for the first.
 *
 * @throws RecipeError PAGE_TOKEN_INVALID for what is no token, or one of another search
 */
export function positionOf(
  token: string | undefined,
  search: string,
  keys: readonly SortKey[],
): Position | undefined {
  if (token === undefined) return undefined;
  const read = parsed(token);
  if (read?.search !== search || !Array.isArray(read.after) || read.after.length !== keys.length)
    throw new RecipeError('PAGE_TOKEN_INVALID', { token: token.slice(0, 80) });
  const after: readonly unknown[] = read.after;
  if (!keys.every((key, index) => isValueOf(key, after[index])))
    throw new RecipeError('PAGE_TOKEN_INVALID', { token: token.slice(0, 80) });
  return after as Position;
}

/** What a token holds of a search, so that it is not taken for another. */
export function searchDigest(...parts: readonly unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 16);
}

function parsed(token: string): { readonly search?: unknown; readonly after?: unknown } | undefined {
  try {
    const read: unknown = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'));
    return typeof read === 'object' && read !== null ? read : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isValueOf({ type, mayBeNull }: SortKey, value: unknown): boolean {
  if (value === null) return mayBeNull;
  switch (type) {
    case 'text':
      return typeof value === 'string' && value.isWellFormed() && !value.includes('\0');
    case 'integer':
      return Number.isSafeInteger(value);
    default:
      return Number.isFinite(value);
  }
}
