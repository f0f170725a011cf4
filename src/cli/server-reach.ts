import type { ServeRequest } from '../compose-server.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { choice } from './choice.ts';
import { type Parsed, text } from './context.ts';
import { listOf } from './list-of.ts';

const LOOPBACK = ['127.0.0.1', 'localhost', '::1'];
const EVERYWHERE = ['0.0.0.0', '::'];
const SIGNED_IN_ELSEWHERE = ['trustedProxy', 'oidcIssuer'] as const;

/** Where a server listens, what it is called by, and whether users sign in there. */
export interface Reach extends Pick<ServeRequest, 'hosts' | 'auth' | 'publicUrl'> {
  readonly host: string;
}

/** @throws RecipeError USAGE */
export function reachOf(options: Parsed['options']): Reach {
  const host = text(options, 'host') ?? '127.0.0.1';
  const publicUrl = urlOf(text(options, 'publicUrl'));
  const allowed = namesOf(text(options, 'allowedHosts'));
  const isAny = [...EVERYWHERE, ...LOOPBACK].includes(host);
  const served = [
    ...(isAny ? [] : [inUrl(host.toLowerCase())]),
    ...(publicUrl === undefined ? [] : [new URL(publicUrl).hostname]),
    ...allowed,
  ];
  return {
    host,
    publicUrl,
    hosts: [...LOOPBACK.map(inUrl), ...served],
    auth: authOf(options, [host, ...served]),
  };
}

/** A name that the server goes by: every address of a machine is none. */
export function shownHost(host: string): string {
  return EVERYWHERE.includes(host) ? '127.0.0.1' : inUrl(host);
}

/** `names`: all that lead to the server. One that is not this machine's own leads here from elsewhere, by a proxy. */
function authOf(options: Parsed['options'], names: readonly string[]): ServeRequest['auth'] {
  const given = text(options, 'auth');
  const auth = given === undefined ? undefined : choice('--auth', ['on', 'off'], given, 'server');
  const signsInElsewhere = SIGNED_IN_ELSEWHERE.some((name) => text(options, name) !== undefined);
  const foreign = names.find((name) => !LOOPBACK.map(inUrl).includes(inUrl(name)));
  if (auth === 'off' && foreign !== undefined)
    throw usage(`--auth off is for addresses of this machine alone (${LOOPBACK.join(', ')}), not ${foreign}`);
  if (auth === 'off' && signsInElsewhere)
    throw usage('--trusted-proxy and --oidc-issuer say who asks, and --auth off asks nobody');
  return auth ?? (signsInElsewhere || foreign !== undefined ? 'on' : 'if-any');
}

/** Names without ports, in lower case. */
function namesOf(allowed: string | undefined): string[] {
  const names = listOf(allowed).map((name) => name.toLowerCase());
  const strange = names.find((name) => !/^(?:[a-z0-9.-]+|\[[0-9a-f:.]+\])$/.test(name));
  if (strange !== undefined) throw usage(`--allowed-hosts ${strange} is no name of a host`);
  return names;
}

function urlOf(value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  if (URL.canParse(value) && /^https?:$/.test(new URL(value).protocol) && new URL(value).pathname === '/')
    return new URL(value).origin;
  throw usage(`--public-url ${value} is no address as https://mlflow.example.com`);
}

/** As URLs have it: an address of IPv6 in brackets. */
function inUrl(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}

function usage(problem: string): RecipeError {
  return new RecipeError('USAGE', { problem, command: 'server' });
}
