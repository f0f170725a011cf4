import type { Database } from '../db/sql.ts';
import type { Artifacts } from './artifacts.ts';
import type { Message } from './message.ts';

/** What handlers work with. */
export interface Served {
  readonly database: Database;
  readonly artifacts: Artifacts;
  /** Where experiments without a place of their own keep artifacts: `mlflow-artifacts:`. */
  readonly root: string;
  /** Who changes the registry, for its history. */
  readonly actor: string;
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
  readonly request: Message<unknown>;
  readonly answer: (served: Served, request: never) => Promise<object>;
}

export function route<T>(
  method: Route['method'],
  path: string,
  rpc: string,
  request: Message<T>,
  answer: (served: Served, request: T) => Promise<object>,
): Route {
  return { method, path, version: '2.0', rpc, request, answer };
}
