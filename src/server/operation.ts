import type { Field } from './message.ts';

type Fields = Readonly<Record<string, Field<unknown>>>;
type Content = Readonly<Record<string, object>>;

/** What a route takes and gives that is no call of MLflow's with a message: files, streams, bare text. */
export interface Operation {
  readonly name: string;
  readonly tag: string;
  readonly summary: string;
  /** JSON Schemas of the parameters in its address that are not any text; `*` is called `path`. */
  readonly path?: Readonly<Record<string, object>>;
  readonly query?: Fields;
  readonly headers?: Fields;
  readonly body?: Content;
  /** By status, without refusals that all routes have in common. */
  readonly answers: Readonly<Record<string, Answer>>;
}

interface Answer {
  readonly description: string;
  readonly content?: Content;
}

/** By `METHOD /address`, as the router has it. */
export type Operations = Readonly<Record<string, Operation>>;

export const BYTES: Content = { 'application/octet-stream': {} };
export const TEXT: Content = { 'text/plain': { schema: { type: 'string' } } };

export function json(properties: Readonly<Record<string, object>> = {}): Content {
  const schema = { type: 'object', properties, required: Object.keys(properties) };
  return { 'application/json': { schema } };
}
