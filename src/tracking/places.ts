import { resolve } from 'node:path';
import type { Addresses } from '../core/plan.ts';
import { RecipeError } from '../core/recipe-error.ts';

/** Where runs or models are kept: in the home, in a database, or by an MLflow server. */
export type Place =
  | { readonly kind: 'home' }
  | { readonly kind: 'database'; readonly url: string }
  | { readonly kind: 'server'; readonly url: string };

export interface Places {
  readonly tracking: Place;
  readonly registry: Place;
}

export interface PlacesRequest {
  /** Of the command line. */
  readonly flags: Addresses;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Of the profile. */
  readonly profile: Addresses;
}

/**
 * Where a command keeps runs and models: the command line says it before the environment, and that before
 * the profile; a server before a database.
 *
 * @throws RecipeError ADDRESS_INVALID
 */
export function placesOf({ flags, env, profile }: PlacesRequest): Places {
  const first = (key: keyof Addresses, flag: string, variable: string): string | undefined => {
    const written = flags[key] ?? (env[variable] === '' ? undefined : env[variable]);
    const name = flags[key] === undefined ? variable : flag;
    return written === undefined ? profile[key] : checked(key, name, written);
  };
  const database = first('database', '--database', 'STOCKPOT_DATABASE_URL');
  const tracking = first('tracking', '--tracking', 'STOCKPOT_TRACKING_URL');
  const registry = first('registry', '--registry', 'STOCKPOT_REGISTRY_URL') ?? tracking;
  const stored: Place =
    database === undefined ? { kind: 'home' } : { kind: 'database', url: databaseUrl(database) ?? database };
  return {
    tracking: tracking === undefined ? stored : { kind: 'server', url: serverUrl(tracking) },
    registry: registry === undefined ? stored : { kind: 'server', url: serverUrl(registry) },
  };
}

/** What names a place in files and messages: its address without credentials; undefined for the home. */
export function placeName(place: Place): string | undefined {
  if (place.kind === 'home') return undefined;
  if (place.url.startsWith('sqlite:')) return place.url;
  const url = new URL(place.url);
  url.password = '';
  url.searchParams.delete('password');
  if (place.kind === 'server') url.username = '';
  return url.href.replace(/\/$/, '');
}

/** What names a database, the home's own if there is no address: as `placeName` does. */
export function databaseName(url: string | undefined): string | undefined {
  return url === undefined ? undefined : placeName({ kind: 'database', url });
}

/** The place of a name, without credentials. */
export function placeOfName(name: string | undefined): Place {
  if (name === undefined) return { kind: 'home' };
  return { kind: name.startsWith('http') ? 'server' : 'database', url: name };
}

function checked(key: keyof Addresses, name: string, text: string): string {
  const protocol = key === 'database' ? /^postgres(?:ql)?(?:\+\w+)?:\/\/|^sqlite:./ : /^https?:\/\//;
  if (protocol.test(text) && URL.canParse(text)) return text;
  const begin = key === 'database' ? 'postgres:// or sqlite:' : 'http:// or https://';
  throw new RecipeError('ADDRESS_INVALID', { name, rule: `is no address that begins with ${begin}` });
}

/**
 * An address of a database, `postgres://…` or `sqlite:` and an absolute path; undefined for what is none.
 * MLflow's spellings are the same: `postgresql+psycopg2://…`, `sqlite:///relative.db`, `sqlite:////absolute.db`.
 */
export function databaseUrl(text: string): string | undefined {
  const [, path] = /^sqlite:(?:\/\/\/)?(.+)$/.exec(text) ?? [];
  if (path !== undefined) return `sqlite:${resolve(path)}`;
  const [, rest] = /^postgres(?:ql)?(?:\+\w+)?:(\/\/.+)$/.exec(text) ?? [];
  return rest === undefined ? undefined : `postgres:${rest}`;
}

function serverUrl(url: string): string {
  return url.replace(/[?#].*$/s, '').replace(/\/+$/, '');
}
