/** Name of a step, unique within its recipe: `ingest`, `train`. */
export type StepName = string & { readonly __brand: 'StepName' };

/** One node of the plan: a step's name, or a cell of its matrix, as in `fit@lr=0.1,seed=1`. */
export type StepId = string & { readonly __brand: 'StepId' };

/** Lower-case hex SHA-256 (64 characters) of a task document: of all that a step's outputs depend on. */
export type Fingerprint = string & { readonly __brand: 'Fingerprint' };

/** Lower-case hex SHA-256 (64 characters) of some bytes. */
export type Digest = string & { readonly __brand: 'Digest' };

/** A run's id, sortable by time: `20261124-141312-4f2a9c`. */
export type RunId = string & { readonly __brand: 'RunId' };

const STEP_NAME = /^[a-z][a-z0-9_-]{0,63}$/;
const HEX = /^[0-9a-f]{64}$/;

export function isStepName(text: string): boolean {
  return STEP_NAME.test(text);
}

/** Whether `text` could be the name of a blob, or of a result: 64 lower-case hex digits. */
export function isDigest(text: string): boolean {
  return HEX.test(text);
}

/** @throws RangeError unless `text` is 64 lower-case hex digits. */
export function fingerprint(text: string): Fingerprint {
  if (!HEX.test(text)) throw new RangeError(`Not a fingerprint: ${text}`);
  return text as Fingerprint;
}

/** @throws RangeError unless `text` could be the name of a run's folder. */
export function runId(text: string): RunId {
  if (!/^[0-9A-Za-z][0-9A-Za-z-]{0,63}$/.test(text)) throw new RangeError(`Not a run: ${text}`);
  return text as RunId;
}
