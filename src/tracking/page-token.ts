import { RecipeError } from '../core/recipe-error.ts';

/** MLflow's page token: base64 of JSON that says where the next page begins. */
export function pageToken(offset: number): string {
  return Buffer.from(JSON.stringify({ offset })).toString('base64');
}

/** @throws RecipeError PAGE_TOKEN_INVALID */
export function offsetOf(token: string | undefined): number {
  if (token === undefined) return 0;
  try {
    const { offset } = JSON.parse(Buffer.from(token, 'base64').toString('utf8')) as { offset?: unknown };
    if (Number.isSafeInteger(offset) && Number(offset) >= 0) return Number(offset);
  } catch (error) {
    if (!(error instanceof SyntaxError) && !(error instanceof TypeError)) throw error;
  }
  throw new RecipeError('PAGE_TOKEN_INVALID', { token: token.slice(0, 80) });
}
