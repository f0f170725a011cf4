/** JavaScript of 2025 that TypeScript does not declare yet. */
interface ExactJson {
  rawJSON(text: string): unknown;
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
  ): unknown;
  stringify(value: unknown): string;
}

const EXACT = JSON as unknown as ExactJson;

/** A whole number of any size, to stand in JSON as it is. */
export function exactInteger(text: string): unknown {
  return EXACT.rawJSON(text);
}

/** Reads JSON so that `JSON.stringify` gives back whole numbers beyond 2^53 as they were. */
export function parseExactly(text: string): unknown {
  return EXACT.parse(text, (_, value, { source }) =>
    typeof value === 'number' &&
    !Number.isSafeInteger(value) &&
    source !== undefined &&
    /^-?\d+$/.test(source)
      ? EXACT.rawJSON(source)
      : value,
  );
}
