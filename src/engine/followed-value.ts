import { canonicalJson } from '../core/canonical-json.ts';
import { isJsonObject, type Json } from '../core/json.ts';
import type { FollowedValue } from '../core/schedule-rules.ts';
import type { ReadableBlobs } from '../store/blobs.ts';
import { digestOf } from '../store/hash.ts';
import type { EndedRun } from './ended-runs.ts';

/** A larger document is no value that somebody waits for. */
const MAX_BYTES = 1 << 20;

/** What a schedule makes of a run's end. */
export type Followed =
  /** It starts something, if `value` is one that it may start with. */
  | { readonly kind: 'match'; readonly value: string }
  | { readonly kind: 'other' }
  /** The run gave nothing that could be looked at. */
  | { readonly kind: 'problem'; readonly problem: string };

/** Where what runs gave is read. */
export interface Followable {
  readonly blobs: Pick<ReadableBlobs, 'read'>;
}

/** Looks at the value of a run that a schedule follows. `value` is the same text for the same value of the same output. */
export function followedValue(
  outputs: EndedRun['outputs'],
  { step, output, keys, equals }: FollowedValue,
  { blobs }: Followable,
): Followed {
  const name = [step, output, ...keys].join('.');
  const ref = outputs.get(step)?.[output];
  if (ref === undefined) return { kind: 'problem', problem: `it gave no ${step}.${output}` };
  if (ref.kind !== 'value')
    return { kind: 'problem', problem: `${step}.${output} is of the kind ${ref.kind}, not value` };
  if (ref.size > MAX_BYTES) return { kind: 'problem', problem: `${step}.${output} is larger than 1 MiB` };
  let value: Json | undefined;
  try {
    value = JSON.parse(blobs.read(ref.digest).toString('utf8')) as Json;
  } catch (error) {
    return { kind: 'problem', problem: `${step}.${output} cannot be read: ${String(error)}` };
  }
  for (const key of keys) value = isJsonObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  if (value === undefined) return { kind: 'problem', problem: `there is no ${name}` };
  const text = canonicalJson(value);
  if (equals !== undefined && text !== canonicalJson(equals)) return { kind: 'other' };
  return { kind: 'match', value: digestOf(`${name} ${text}`) };
}
