import type { Digest, Fingerprint } from '../../core/ids.ts';
import { isJsonObject } from '../../core/json.ts';
import type { PlanStep } from '../../core/plan.ts';
import type { ResolvedInput } from '../../engine/ports.ts';
import { digestOf } from '../../store/hash.ts';

/** A worker takes parcels of this layout only: others were packed by another version of Stockpot. */
const LAYOUT = 1;

/**
 * A task as it travels: all that an attempt needs to know. Data and code are named by digest and lie in the
 * store; no secret and no path of the machine that packed it is in it.
 */
export interface Parcel {
  readonly v: typeof LAYOUT;
  /** Version of Stockpot that packed it, for messages. */
  readonly stockpot: string;
  /** The run that waits for it first. */
  readonly run: string;
  readonly step: PlanStep;
  readonly fingerprint: Fingerprint;
  /** The task document, whose digest the fingerprint is. */
  readonly document: string;
  /** None is `from: 'project'`. */
  readonly inputs: readonly ResolvedInput[];
  readonly code: readonly ParcelFile[];
  /** Files that say which packages the code may import; absent without. */
  readonly packages?: { readonly manifest: Digest; readonly lock?: Digest };
  readonly replace: boolean;
  readonly fresh: boolean;
}

/** A file of the project, by its path there. */
export interface ParcelFile {
  readonly path: string;
  readonly digest: Digest;
  readonly executable?: true;
}

export function parcelText(parcel: Omit<Parcel, 'v'>): string {
  return JSON.stringify({ v: LAYOUT, ...parcel });
}

/** Undefined for what another version of Stockpot packed in another way, or for another task. */
export function readParcel(text: string, fingerprint: Fingerprint): Parcel | undefined {
  const value: unknown = JSON.parse(text);
  if (!isJsonObject(value) || value['v'] !== LAYOUT) return undefined;
  const parcel = value as unknown as Parcel;
  const isItself =
    (digestOf(parcel.document) as string) === fingerprint && parcel.fingerprint === fingerprint;
  return isItself ? parcel : undefined;
}
