import type { Database } from '../db/sql.ts';
import type { Identity } from '../tracking/access/identity.ts';
import type { Artifacts } from './artifacts.ts';
import type { Message } from './message.ts';
import type { Policy } from './policy.ts';

/** What handlers work with. */
export interface Served {
  readonly database: Database;
  readonly artifacts: Artifacts;
  /** Where experiments without a place of their own keep artifacts: `mlflow-artifacts:`. */
  readonly root: string;
  /** Who asks; changes are told of in this name. */
  readonly identity: Identity;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** 32 lower-case hex digits. */
  readonly newId: () => string;
  /** From 0 to below 1. */
  readonly random: () => number;
}

/** One of MLflow's endpoints, served below `/api/<version>` and `/ajax-api/<version>`. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly version: '2.0' | '3.0';
  /** MLflow's name of the call. */
  readonly rpc: string;
  readonly policy: Policy<never>;
  readonly request: Message<unknown>;
  readonly answer: (served: Served, request: never) => Promise<object>;
}

export function route<T>(
  method: Route['method'],
  path: string,
  rpc: string,
  policy: Policy<NoInfer<T>>,
  request: Message<T>,
  answer: (served: Served, request: T) => Promise<object>,
): Route {
  return { method, path, version: '2.0', rpc, policy, request, answer };
}
