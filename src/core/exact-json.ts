/** JavaScript of 2025 that TypeScript does not declare yet. */
interface ExactJson {
  rawJSON(text: string): object;
  isRawJSON(value: unknown): boolean;
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
  ): unknown;
}

const EXACT = JSON as unknown as ExactJson;

/** A whole number of any size, to stand in JSON as it is. */
export function exactInteger(text: string): unknown {
  return EXACT.rawJSON(text);
}

/**
 * Reads JSON inside out: each value is what `of` makes of it, and lists and maps hold what it made before.
 * `source` is a number as it is written, which tells `1` from `1.0`, and what is beyond 2^53.
 */
export function parseInsideOut(text: string, of: (value: unknown, source: string) => unknown): unknown {
  return EXACT.parse(text, (_, value, { source = '' }) => of(value, source));
}

/** Reads JSON so that `JSON.stringify` gives back numbers as they were written: `1.0`, and what is beyond 2^53. */
export function parseExactly(text: string): unknown {
  return parseInsideOut(text, (value, source) => (typeof value === 'number' ? EXACT.rawJSON(source) : value));
}

/** How a number that was read exactly is written; undefined for anything else. */
export function writtenNumber(value: unknown): string | undefined {
  return EXACT.isRawJSON(value) ? (value as { readonly rawJSON: string }).rawJSON : undefined;
}
