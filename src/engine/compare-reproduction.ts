import type { Outputs } from '../core/events.ts';
import type { Digest, Fingerprint, StepId } from '../core/ids.ts';
import type { ReproducedStep, Reproduction } from './reproduction.ts';
import { flattenDocument } from './task-document.ts';

/** What became of a step that ran again. */
export interface StepAgain {
  readonly fingerprint: Fingerprint;
  /** The task document. */
  readonly document: string;
  readonly outputs: Outputs;
}

/** An output of a step then and now; `now` is undefined if the step gave none. */
export interface ComparedOutput {
  readonly step: StepId;
  readonly output: string;
  readonly before: Digest;
  readonly now: Digest | undefined;
}

/** Why a step gave other outputs. */
export type Difference =
  | { readonly kind: 'failed' }
  /** What it depends on is not what it was: `input rows`, or a line of its task document. */
  | { readonly kind: 'depends'; readonly on: readonly string[] }
  /** The same task gave other bytes. */
  | { readonly kind: 'other-bytes' };

/** Every output of every step, in the order of the plan. */
export function compareOutputs(
  { steps }: Reproduction,
  again: ReadonlyMap<StepId, StepAgain>,
): ComparedOutput[] {
  return steps.flatMap(({ id, outputs }) =>
    Object.entries(outputs).map(([output, { digest }]) => ({
      step: id,
      output,
      before: digest,
      now: again.get(id)?.outputs[output]?.digest,
    })),
  );
}

/** What differs about a step that has an output that differs. */
export function differenceOf(
  { fingerprint, document }: ReproducedStep,
  now: StepAgain | undefined,
): Difference {
  if (now === undefined) return { kind: 'failed' };
  if (now.fingerprint === fingerprint) return { kind: 'other-bytes' };
  const before = flattenDocument(JSON.stringify(document));
  const after = flattenDocument(now.document);
  const keys = [...new Set([...before.keys(), ...after.keys()])].filter(
    (key) => JSON.stringify(before.get(key)) !== JSON.stringify(after.get(key)),
  );
  return { kind: 'depends', on: keys.map((key) => described(key, before.get(key), after.get(key))) };
}

function described(key: string, before: unknown, after: unknown): string {
  const [, input] = /^dynamic\.inputs\.(.+)\.digest$/.exec(key) ?? [];
  if (input !== undefined) return `the input ${input}`;
  const name = key.replace(/^(?:dynamic\.more|static|dynamic)\./, '');
  return `${name}: ${JSON.stringify(before) ?? 'nothing'} → ${JSON.stringify(after) ?? 'nothing'}`;
}
