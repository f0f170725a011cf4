import { createHash } from 'node:crypto';
import { parseExactly, writtenNumber } from '../../core/exact-json.ts';
import { isDeepJson, MAX_JSON_DEPTH } from '../../core/json-depth.ts';
import { checkText } from './check.ts';
import { invalid } from './mlflow-error.ts';

/** JSON whose numbers are as they were written; see `parseExactly`. */
export type Exact = Readonly<Record<string, unknown>>;

/** @throws MlflowError INVALID_PARAMETER_VALUE if it is no JSON, is too deep, or holds what no database keeps */
export function readExactly(text: string, what: string): unknown {
  if (isDeepJson(text))
    throw invalid(
      `Invalid value for parameter '${what}' supplied: it has more than ${MAX_JSON_DEPTH} levels of lists and maps.`,
    );
  let value: unknown;
  try {
    value = parseExactly(text);
  } catch {
    throw invalid(`Invalid value for parameter '${what}' supplied: it is no JSON.`);
  }
  JSON.stringify(value, (key, one: unknown) => {
    for (const each of [key, one]) if (typeof each === 'string') checkText(`parameter '${what}'`, each);
    return one;
  });
  return value;
}

export function isMap(value: unknown): value is Exact {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && writtenNumber(value) === undefined
  );
}

/** SHA-256 of inputs, whatever the order of their keys: what says that two records are the same. */
export function inputHash(inputs: Exact): string {
  return createHash('sha256')
    .update(JSON.stringify(sorted(inputs)))
    .digest('hex');
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isMap(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .toSorted()
      .map((key) => [key, sorted(value[key])]),
  );
}

interface Schema {
  inputs: Record<string, string>;
  outputs: Record<string, string> | string;
  expectations: Record<string, string>;
  readonly version: string;
}

/** The types of the fields that records have had: what is known stays, what is new is added. */
export function schemaWith(
  before: string | undefined,
  records: readonly { readonly inputs: Exact; readonly outputs: unknown; readonly expectations: unknown }[],
): string {
  const schema: Schema =
    before === undefined
      ? { inputs: {}, outputs: {}, expectations: {}, version: '1.0' }
      : (JSON.parse(before) as Schema);
  for (const { inputs, outputs, expectations } of records) {
    schema.inputs = { ...typesOf(inputs), ...schema.inputs };
    if (isMap(outputs)) {
      if (typeof schema.outputs !== 'string') schema.outputs = { ...typesOf(outputs), ...schema.outputs };
    } else if (outputs !== undefined && outputs !== null && Object.keys(schema.outputs).length === 0)
      schema.outputs = typeOf(outputs);
    if (isMap(expectations)) schema.expectations = { ...typesOf(expectations), ...schema.expectations };
  }
  return JSON.stringify(schema);
}

function typesOf(fields: Exact): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, typeOf(value)]));
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  const number = writtenNumber(value);
  if (number !== undefined) return /^-?\d+$/.test(number) ? 'integer' : 'float';
  if (Array.isArray(value)) return 'array';
  return typeof value;
}
