type Schema = Readonly<Record<string, unknown>>;

/** Something in an answer, as JSON Schema has it. */
export interface Shape {
  readonly schema: Schema;
  /** The messages that it refers to, and those that they refer to, by MLflow's names of them. */
  readonly messages: Readonly<Record<string, Schema>>;
  /** Whether it may be absent. */
  readonly isOptional: boolean;
}

/** What an answer, or a message in it, holds: all that it ever has, and nothing else. */
export type Shapes = Readonly<Record<string, Shape>>;

export const TEXT = plain({ type: 'string' });
export const INTEGER = plain({ type: 'integer' });
export const BOOLEAN = plain({ type: 'boolean' });
/** A double; what JSON has no number for is written as text. */
export const DOUBLE = plain({ anyOf: [{ type: 'number' }, { const: 'NaN' }] });
export const TIMESTAMP = plain({ type: 'string', format: 'date-time' });
/** Anything that JSON says. */
export const ANY = plain({});

/** Of an answer that is one page of many: absent where nothing follows. */
export const PAGE: Shapes = { next_page_token: optional(TEXT) };

/** A message, which stands once in the description, by its name; one that holds itself is given what refers to it. */
export function part(name: string, fields: Shapes | ((self: Shape) => Shapes)): Shape {
  const reference = plain({ $ref: `#/components/schemas/${name}` });
  const { schema, messages } = object(typeof fields === 'function' ? fields(reference) : fields);
  return { ...reference, messages: { ...messages, [name]: schema } };
}

export function object(fields: Shapes): Shape {
  const entries = Object.entries(fields);
  return {
    schema: {
      type: 'object',
      properties: Object.fromEntries(entries.map(([name, { schema }]) => [name, schema])),
      required: entries.flatMap(([name, { isOptional }]) => (isOptional ? [] : [name])),
    },
    messages: Object.assign({}, ...entries.map(([, { messages }]) => messages)) as Shape['messages'],
    isOptional: false,
  };
}

export function listOf({ schema, messages }: Shape): Shape {
  return { schema: { type: 'array', items: schema }, messages, isOptional: false };
}

export function mapOf({ schema, messages }: Shape): Shape {
  return { schema: { type: 'object', additionalProperties: schema }, messages, isOptional: false };
}

export function optional(shape: Shape): Shape {
  return { ...shape, isOptional: true };
}

export function orNull({ schema, messages, isOptional }: Shape): Shape {
  return { schema: { anyOf: [schema, { type: 'null' }] }, messages, isOptional };
}

export function oneOf(values: readonly string[]): Shape {
  return plain({ type: 'string', enum: values });
}

/** MLflow has a message of its own for the tags of each kind of thing. */
export function pair(name: string): Shape {
  return part(name, { key: TEXT, value: TEXT });
}

function plain(schema: Schema): Shape {
  return { schema, messages: {}, isOptional: false };
}
