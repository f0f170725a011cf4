/**
 * Why an attempt at a step did not succeed. Steps are other people's code, so failing is an expected
 * outcome: a value in the event stream, never an exception in ours. The list is closed: `retry.on`,
 * the texts and the metrics all use these words.
 */
export type Failure =
  | { readonly reason: 'exited'; readonly exitCode: number }
  | { readonly reason: 'threw'; readonly error: SerializedError }
  | { readonly reason: 'killed'; readonly signal: string }
  | { readonly reason: 'out-of-memory'; readonly limitBytes?: number }
  | { readonly reason: 'timed-out'; readonly limitMs: number }
  | { readonly reason: 'missing-output'; readonly outputs: readonly string[] }
  | { readonly reason: 'bad-output'; readonly output: string; readonly detail: string }
  | { readonly reason: 'inputs-changed'; readonly inputs: readonly string[] }
  | {
      readonly reason: 'infra';
      readonly detail: string;
      /** A code of the error catalogue, if it is one of ours, and the next thing to do. */
      readonly code?: string;
      readonly hint?: string;
    }
  | { readonly reason: 'worker-lost'; readonly worker: string }
  | { readonly reason: 'preempted' }
  | { readonly reason: 'poison'; readonly starts: number }
  | { readonly reason: 'cancelled' };

export type FailureReason = Failure['reason'];

export const FAILURE_REASONS = [
  'exited',
  'threw',
  'killed',
  'out-of-memory',
  'timed-out',
  'missing-output',
  'bad-output',
  'inputs-changed',
  'infra',
  'worker-lost',
  'preempted',
  'poison',
  'cancelled',
] as const satisfies readonly FailureReason[];

/** An error as it survives JSON: across a process border, in a journal, in a page. */
export interface SerializedError {
  readonly name: string;
  readonly message: string;
  /** A code of the error catalogue, if the step raised one of ours. */
  readonly code?: string;
  /** The next thing to do, from the catalogue. */
  readonly hint?: string;
  readonly stack?: string;
}

/** One line, without a full stop. */
export function describeFailure(failure: Failure): string {
  switch (failure.reason) {
    case 'exited':
      return `exited with code ${failure.exitCode}`;
    case 'threw':
      return failure.error.code === undefined
        ? `threw ${failure.error.name}: ${failure.error.message}`
        : failure.error.message;
    case 'killed':
      return `was killed by ${failure.signal}`;
    case 'out-of-memory':
      return failure.limitBytes === undefined
        ? 'ran out of memory'
        : `ran out of memory (limit ${failure.limitBytes} bytes)`;
    case 'timed-out':
      return `ran longer than its limit of ${failure.limitMs / 1000} s`;
    case 'missing-output':
      return `did not write its output ${failure.outputs.join(', ')}`;
    case 'bad-output':
      return `wrote a bad output ${failure.output}: ${failure.detail}`;
    case 'inputs-changed':
      return `had its inputs changed while it ran: ${failure.inputs.join(', ')}`;
    case 'infra':
      return failure.code === undefined ? `could not be run: ${failure.detail}` : failure.detail;
    case 'worker-lost':
      return `lost its worker ${failure.worker}`;
    case 'preempted':
      return 'was preempted';
    case 'poison':
      return `ended its worker ${failure.starts} times`;
    case 'cancelled':
      return 'was cancelled';
    default:
      return unreachable(failure);
  }
}

/** The code of the error catalogue that a failure has, and the next thing to do; both may be absent. */
export function adviceFor(failure: Failure): { readonly code?: string; readonly hint?: string } {
  if (failure.reason === 'threw') return failure.error;
  return failure.reason === 'infra' ? failure : {};
}

/** Fails to compile where a case is missing; throws where the types were lied to. */
export function unreachable(value: never): never {
  throw new Error(`Internal error: unexpected ${JSON.stringify(value)}`);
}
