import type { Database } from '../db/sql.ts';
import type { Outbound } from '../net/outbound.ts';
import type { Identity } from '../tracking/access/identity.ts';
import type { GatheredPoints } from '../tracking/mlflow/gathered-points.ts';
import type { Shapes } from './answers/shape.ts';
import type { Artifacts } from './artifacts.ts';
import type { Message } from './message.ts';
import type { MultipartUploads } from './multipart-uploads.ts';
import type { Policy } from './policy.ts';

/** What handlers work with. */
export interface Served {
  readonly database: Database;
  readonly points: GatheredPoints;
  readonly artifacts: Artifacts;
  readonly uploads: MultipartUploads;
  /** Where experiments without a place of their own keep artifacts: `mlflow-artifacts:`. */
  readonly root: string;
  /** Whether clients' files pass through the server. */
  readonly servesArtifacts: boolean;
  /** The way to addresses that users name. */
  readonly outbound: Outbound;
  /** Who asks; changes are told of in this name. */
  readonly identity: Identity;
  /** For whom, if the request says so. */
  readonly askedFor: string | undefined;
  /** Where whoever asks reaches the server: `https://mlflow.example.com`. */
  readonly origin: string;
  /** Milliseconds since the Unix epoch. */
  readonly now: () => number;
  /** 32 lower-case hex digits. */
  readonly newId: () => string;
  /** From 0 to below 1. */
  readonly random: () => number;
}

/** One of MLflow's endpoints, served below `/api/<version>`. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** With its parameters as `{name}`, and the rest of the address as `{+name}`. */
  readonly path: string;
  readonly version: '2.0' | '3.0';
  /** MLflow's name of the call. */
  readonly rpc: string;
  readonly policy: Policy<never>;
  readonly request: Message<unknown>;
  /** What it answers with, where it does not refuse. */
  readonly response: Shapes;
  readonly answer: (served: Served, request: never) => Promise<object>;
}

export function route<T>(
  method: Route['method'],
  path: string,
  rpc: string,
  policy: Policy<NoInfer<T>>,
  request: Message<T>,
  response: Shapes,
  answer: (served: Served, request: T) => Promise<object>,
): Route {
  return { method, path, version: '2.0', rpc, policy, request, response, answer };
}

/** The names of the parameters in a route's path. */
export function namesIn(path: string): string[] {
  return Array.from(path.matchAll(/\{\+?(\w+)\}/g), ([, name = '']) => name);
}

/** A route's path as the router writes it, where the rest of an address is called `*`. */
export function patternOf(path: string): string {
  return path.replace(/\{\+\w+\}$/, '*').replaceAll(/\{(\w+)\}/g, ':$1');
}

/** The parameters that the router found in an address, by their names in the route's path. */
export function inPath(path: string, params: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(namesIn(path).map((name) => [name, params[name] ?? params['*']]));
}
