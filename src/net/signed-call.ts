import { createHmac } from 'node:crypto';
import type { OutboundRequest } from './outbound.ts';

/** As long as MLflow waits. */
const TIMEOUT_MS = 30_000;

export interface Call {
  /** Whose headers it has: `x-mlflow-signature`, as MLflow's receivers check it, or `x-stockpot-signature`. */
  readonly as: 'mlflow' | 'stockpot';
  readonly url: string;
  /** Empty: nothing is signed. */
  readonly secret: string;
  /** The same whenever the same is told again. */
  readonly id: string;
  readonly payload: string;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
}

/** A call with the headers that its receiver knows it again by, and checks who sent it. */
export function signedCall({ as, url, secret, id, payload, at }: Call): OutboundRequest {
  const timestamp = String(Math.floor(at / 1000));
  const signature = createHmac('sha256', secret).update(`${id}.${timestamp}.${payload}`).digest('base64');
  return {
    url,
    body: payload,
    timeoutMs: TIMEOUT_MS,
    headers: {
      'content-type': 'application/json',
      [`x-${as}-delivery-id`]: id,
      [`x-${as}-timestamp`]: timestamp,
      ...(secret === '' ? {} : { [`x-${as}-signature`]: `v1,${signature}` }),
    },
  };
}
