import type { ErrorCode, Position, RecipeErrorOptions } from '../core/recipe-error.ts';
import { RecipeError } from '../core/recipe-error.ts';

/** Largest file: 16 MiB holds ten thousand steps. */
export const MAX_SOURCE_BYTES = 16 << 20;

/** A text file that a recipe is made of, with what it takes to say where in it something stands. */
export class Source {
  /** Project-relative, with `/`; or `--set`. */
  readonly file: string;
  readonly text: string;
  #lineStarts: number[] | undefined;

  constructor(file: string, text: string) {
    this.file = file;
    this.text = text;
  }

  position(offset: number): Position {
    const starts = this.#starts();
    let [low, high] = [0, starts.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { file: this.file, line: low + 1, column: offset - (starts[low] ?? 0) + 1 };
  }

  /** The line, and below it what is meant. */
  frame(offset: number, length: number): string {
    const { line, column } = this.position(offset);
    const text = (this.text.slice(this.#starts()[line - 1]).split('\n', 1)[0] ?? '').replace(/\r$/, '');
    const shown = text.length > 160 ? `${text.slice(0, 160)}…` : text;
    const width = Math.max(1, Math.min(length, shown.length - column + 1));
    const number = String(line);
    return `${number} | ${shown}\n${' '.repeat(number.length)} | ${' '.repeat(Math.min(column - 1, 160))}${'~'.repeat(width)}`;
  }

  #starts(): number[] {
    if (this.#lineStarts !== undefined) return this.#lineStarts;
    const starts = [0];
    for (let at = this.text.indexOf('\n'); at !== -1; at = this.text.indexOf('\n', at + 1))
      starts.push(at + 1);
    this.#lineStarts = starts;
    return starts;
  }
}

/** A stretch of a source: what an error points to. */
export interface Span {
  readonly source: Source;
  readonly start: number;
  readonly end: number;
}

export function positionOf(span: Span): Position {
  return span.source.position(span.start);
}

/** A `RecipeError` that points to `span`. */
export function errorAt<C extends ErrorCode>(
  span: Span,
  code: C,
  params: ConstructorParameters<typeof RecipeError<C>>[1],
  options: RecipeErrorOptions = {},
): RecipeError<C> {
  return new RecipeError(code, params, {
    ...options,
    at: positionOf(span),
    frame: span.source.frame(span.start, span.end - span.start),
  });
}
