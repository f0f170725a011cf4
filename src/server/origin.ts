import type { FastifyRequest } from 'fastify';
import { MlflowError } from '../tracking/mlflow/mlflow-error.ts';
import { isTwice } from './is-twice.ts';

const OPEN = new Set(['/health', '/ready', '/version']);

/**
 * Refuses what a page of another site may send through a user's browser: a host name that is not ours (it
 * was made to point here), requests that change something from another origin, and all from another site but
 * a link that a person follows (Fetch Metadata, https://www.w3.org/TR/fetch-metadata/).
 *
 * @throws MlflowError PERMISSION_DENIED
 */
export function checkOrigin(
  request: FastifyRequest,
  { allowedHosts, publicUrl }: { allowedHosts: readonly string[]; publicUrl: string | undefined },
): void {
  const { method, url, headers } = request;
  if (OPEN.has(url)) return;
  if (isTwice(request, 'host')) throw denied('A request names one server');
  if (!allowedHosts.includes(hostOf(headers.host)))
    throw denied(`This server is not called ${JSON.stringify((headers.host ?? '').slice(0, 80))}`);
  if (headers['sec-fetch-site'] === 'cross-site' && !isFollowed(request))
    throw denied('Requests from other sites are not allowed');
  if (method === 'GET' || method === 'HEAD' || headers.origin === undefined) return;
  if (URL.canParse(headers.origin)) {
    const { host, origin } = new URL(headers.origin);
    // A proxy may call the server by another name than users do.
    if (host === headers.host || (publicUrl !== undefined && origin === new URL(publicUrl).origin)) return;
  }
  throw denied('Requests from other origins are not allowed');
}

/** A link, which shows its page in a window of its own; a frame is none. */
function isFollowed({ headers }: FastifyRequest): boolean {
  return headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document';
}

/** Where whoever asks reaches the server; the host has been checked. */
export function originOf(request: FastifyRequest, publicUrl: string | undefined): string {
  return publicUrl ?? `${request.protocol}://${request.headers.host ?? ''}`;
}

/** A host without its port, in lower case. */
function hostOf(header = ''): string {
  return header.toLowerCase().replace(/:\d+$/, '');
}

function denied(message: string): MlflowError {
  return new MlflowError('PERMISSION_DENIED', message);
}
