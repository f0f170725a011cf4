import type { Outputs } from '../core/events.ts';
import type { Digest, Fingerprint, StepId } from '../core/ids.ts';
import type { JsonObject } from '../core/json.ts';
import type { Plan } from '../core/plan.ts';

/** The tag of a version that holds the digest of its reproduction. */
export const REPRODUCTION_TAG = 'stockpot.reproduction';

/** The reproduction itself in its folder; `files/` and `references/` lie beside it. */
export const REPRODUCTION_FILE = 'reproduction.json';

/** All that one needs to make a registered model again, by digest. Plain JSON. */
export interface Reproduction {
  readonly v: 1;
  /** The version of Stockpot that made the model. */
  readonly stockpot: string;
  readonly model: { readonly step: StepId; readonly output: string; readonly digest: Digest };
  /** The recipe's plan, cut down to the step that made the model and what it needs. */
  readonly plan: Plan;
  readonly steps: readonly ReproducedStep[];
  readonly files: readonly ReproducedFile[];
  readonly references: readonly ReproducedReference[];
}

/** A step as it was when the model was made. */
export interface ReproducedStep {
  readonly id: StepId;
  readonly fingerprint: Fingerprint;
  /** The task document. */
  readonly document: JsonObject;
  readonly outputs: Outputs;
}

/** A file of the project. */
export interface ReproducedFile {
  /** Where it lies in the project that is laid out. */
  readonly path: string;
  /** Where it lay, if that was outside of the project. */
  readonly from?: string;
  readonly digest: Digest;
  readonly size: number;
  readonly executable?: true;
  readonly role: 'recipe' | 'packages' | 'code' | 'config' | 'input';
  /** Whether its bytes are kept with the version; else only its digest is. */
  readonly isKept: boolean;
}

/** What a URL or a registered model stood for. */
export interface ReproducedReference {
  /** `https://…` or `models:/…` as the recipe has it. */
  readonly reference: string;
  /** `none` for an alias that did not exist. */
  readonly digest: Digest | 'none';
  readonly kind: string;
  readonly extension: string;
  readonly size: number;
  readonly isKept: boolean;
}

/** A reproduction whose bytes are in the store: the digest of its folder, and the sum of its files. */
export interface KeptReproduction {
  readonly digest: Digest;
  readonly size: number;
}
