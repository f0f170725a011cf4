import { invalid } from '../tracking/mlflow/mlflow-error.ts';

/** A field of a request: how it is read, and its JSON Schema. */
export interface Field<T> {
  /** @throws MlflowError INVALID_PARAMETER_VALUE */
  readonly read: (value: unknown, name: string) => T;
  readonly schema: Readonly<Record<string, unknown>>;
  readonly isRequired: boolean;
}

export interface Message<T> {
  /**
   * Reads a query or a body; fields that it does not know are ignored, as protobuf's JSON does. Errors say
   * where in the request a field is: `metrics[0].key`, by the `parent` that holds the message.
   */
  readonly read: (value: Readonly<Record<string, unknown>>, parent?: string) => T;
  readonly fields: Readonly<Record<string, Field<unknown>>>;
}

type Read<F> = { readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never };

/** Declares a request by its fields, with MLflow's names. */
export function message<const F extends Readonly<Record<string, Field<unknown>>>>(
  fields: F,
): Message<Read<F>> {
  const entries = Object.entries(fields);
  return {
    fields,
    read: (value, parent = '') =>
      Object.fromEntries(
        entries.map(([name, field]) => [name, field.read(value[name] ?? undefined, `${parent}${name}`)]),
      ) as Read<F>,
  };
}

export function text(): Field<string | undefined> {
  return optional({ type: 'string' }, (value, name) => {
    // A query's number, or one that a client forgot to quote.
    if (typeof value === 'number' || typeof value === 'boolean') return String(value);
    if (typeof value !== 'string') throw wrong(value, name);
    if (value.includes('\0') || !value.isWellFormed())
      throw invalid(`Invalid value for parameter '${name}' supplied: it holds a NUL or half a character.`);
    return value;
  });
}

/** A whole number up to 2^53; protobuf's JSON may write it as text, a query always does. */
export function integer(): Field<number | undefined> {
  return optional({ type: 'integer' }, (value, name) => {
    const number = typeof value === 'string' && /^\s*[-+]?\d+\s*$/.test(value) ? Number(value) : value;
    if (typeof number !== 'number' || !Number.isSafeInteger(number)) throw wrong(value, name);
    return number;
  });
}

/** As `integer`, up to a limit. */
export function atMost(limit: number): Field<number | undefined> {
  const { read } = integer();
  return optional({ type: 'integer', maximum: limit }, (value, name) => {
    const number = read(value, name);
    if (number !== undefined && number > limit) throw wrong(value, name);
    return number;
  });
}

/** A double; what JSON has no number for is written as text. */
export function double(): Field<number | undefined> {
  return optional(
    { anyOf: [{ type: 'number' }, { enum: ['NaN', 'Infinity', '-Infinity'] }] },
    (value, name) => {
      if (typeof value === 'number') return value;
      if (typeof value !== 'string' || value.trim() === '') throw wrong(value, name);
      const number = Number(value);
      // JavaScript reads `0x10` and `0b1` as numbers, protobuf's JSON does not.
      if ((Number.isNaN(number) && value !== 'NaN') || /^\s*0[box]/i.test(value)) throw wrong(value, name);
      return number;
    },
  );
}

export function boolean(): Field<boolean | undefined> {
  return optional({ type: 'boolean' }, (value, name) => {
    // In a query Python's clients write `True`.
    const written = typeof value === 'string' ? value.toLowerCase() : value;
    if (written === true || written === 'true') return true;
    if (written === false || written === 'false') return false;
    throw wrong(value, name);
  });
}

export function oneOf<const T extends string>(values: readonly T[]): Field<T | undefined> {
  return optional({ enum: values }, (value, name) => {
    if (!(values as readonly unknown[]).includes(value)) throw wrong(value, name);
    return value as T;
  });
}

export function nested<T>({ fields, read }: Message<T>): Field<T | undefined> {
  return optional(schemaOf(fields), (value, name) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(value, name);
    return read(value as Record<string, unknown>, `${name}.`);
  });
}

/** None if it is absent; in a query a single one stands alone. */
export function repeated<T>(item: Field<T | undefined>): Field<readonly T[]> {
  return {
    isRequired: false,
    schema: { type: 'array', items: item.schema },
    read: (value, name) => {
      if (value === undefined) return [];
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) throw wrong(value, name);
      const values: readonly unknown[] = Array.isArray(value) ? value : [value];
      return values.map((one, index) => {
        const read = item.read(one ?? undefined, `${name}[${index}]`);
        if (read === undefined) throw wrong(one, `${name}[${index}]`);
        return read;
      });
    },
  };
}

export function required<T>({ read, schema }: Field<T | undefined>): Field<T> {
  return {
    isRequired: true,
    schema,
    read: (value, name) => {
      const found = value === '' ? undefined : read(value, name);
      if (found === undefined) throw invalid(`Missing value for required parameter '${name}'. ${SEE}`);
      return found;
    },
  };
}

/** As `required`, but the empty text is a value. */
export function present<T>({ read, schema }: Field<T | undefined>): Field<T> {
  return {
    isRequired: true,
    schema,
    read: (value, name) => {
      const found = read(value, name);
      if (found === undefined) throw invalid(`Missing value for required parameter '${name}'. ${SEE}`);
      return found;
    },
  };
}

/** Says whether it was given at all. */
export function ifGiven<T>({ read, schema }: Field<readonly T[]>): Field<readonly T[] | undefined> {
  return optional(schema, read);
}

/** One or more. */
export function some<T>({ read, schema }: Field<readonly T[]>): Field<readonly T[]> {
  return {
    isRequired: true,
    schema: { ...schema, minItems: 1 },
    read: (value, name) => {
      const found = read(value, name);
      if (found.length === 0) throw invalid(`Missing value for required parameter '${name}'. ${SEE}`);
      return found;
    },
  };
}

export function otherwise<T>({ read, schema }: Field<T | undefined>, value: T): Field<T> {
  return {
    isRequired: false,
    schema: { ...schema, default: value },
    read: (given, name) => read(given, name) ?? value,
  };
}

/** The empty text is none. */
export function unlessEmpty({ read, schema }: Field<string | undefined>): Field<string | undefined> {
  return { isRequired: false, schema, read: (value, name) => read(value, name) || undefined };
}

/** JSON Schema of a message. */
export function schemaOf(fields: Readonly<Record<string, Field<unknown>>>): Record<string, unknown> {
  return {
    type: 'object',
    properties: Object.fromEntries(Object.entries(fields).map(([name, { schema }]) => [name, schema])),
    required: Object.entries(fields).flatMap(([name, { isRequired }]) => (isRequired ? [name] : [])),
  };
}

const SEE = 'See the API docs for more information about request parameters.';

function optional<T>(
  schema: Readonly<Record<string, unknown>>,
  read: (value: unknown, name: string) => T,
): Field<T | undefined> {
  return {
    isRequired: false,
    schema,
    read: (value, name) => (value === undefined ? undefined : read(value, name)),
  };
}

function wrong(value: unknown, name: string): Error {
  const written =
    typeof value === 'object' && value !== null
      ? Array.isArray(value)
        ? '[…]'
        : '{…}'
      : JSON.stringify(value);
  return invalid(
    `Invalid value ${written.length > 200 ? `${written.slice(0, 200)}…` : written} for parameter '${name}' supplied:  Hint: Value was of type '${pythonType(value)}'. ${SEE}`,
  );
}

/** MLflow's clients and their users know types by these names. */
function pythonType(value: unknown): string {
  if (value === null) return 'NoneType';
  if (Array.isArray(value)) return 'list';
  switch (typeof value) {
    case 'string':
      return 'str';
    case 'boolean':
      return 'bool';
    case 'number':
      return Number.isInteger(value) ? 'int' : 'float';
    default:
      return 'dict';
  }
}
