import { RecipeError } from '../../core/recipe-error.ts';

/** Where a page begins: so many runs into the server's own page of this token and size. */
export interface PageStart {
  readonly token: string | undefined;
  readonly skip: number;
  readonly size: number;
}

export function pageTokenOf(start: PageStart): string {
  return Buffer.from(JSON.stringify(start)).toString('base64');
}

/** @throws RecipeError PAGE_TOKEN_INVALID */
export function pageStart(text: string | undefined): PageStart | undefined {
  if (text === undefined) return undefined;
  try {
    const { token, skip, size } = JSON.parse(Buffer.from(text, 'base64').toString('utf8')) as Record<
      string,
      unknown
    >;
    const isWhole = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
    if ((token === undefined || typeof token === 'string') && isWhole(skip) && isWhole(size) && size > 0)
      return { token, skip, size };
  } catch (error) {
    if (!(error instanceof SyntaxError) && !(error instanceof TypeError)) throw error;
  }
  throw new RecipeError('PAGE_TOKEN_INVALID', { token: text.slice(0, 80) });
}
