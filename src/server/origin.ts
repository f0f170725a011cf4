import type { FastifyRequest } from 'fastify';
import { MlflowError } from '../tracking/mlflow/mlflow-error.ts';

const OPEN = new Set(['/health', '/ready', '/version']);

/**
 * Refuses what a page of another site may send through a user's browser: a host name that is not ours (it
 * was made to point here), and requests that change something from another origin.
 *
 * @throws MlflowError PERMISSION_DENIED
 */
export function checkOrigin(
  { method, url, headers }: FastifyRequest,
  { allowedHosts, publicUrl }: { allowedHosts: readonly string[]; publicUrl: string | undefined },
): void {
  if (OPEN.has(url)) return;
  if (!allowedHosts.includes(hostOf(headers.host)))
    throw new MlflowError(
      'PERMISSION_DENIED',
      `This server is not called ${JSON.stringify((headers.host ?? '').slice(0, 80))}`,
    );
  if (method === 'GET' || method === 'HEAD' || headers.origin === undefined) return;
  if (URL.canParse(headers.origin)) {
    const { host, origin } = new URL(headers.origin);
    // A proxy may call the server by another name than users do.
    if (host === headers.host || (publicUrl !== undefined && origin === new URL(publicUrl).origin)) return;
  }
  throw new MlflowError('PERMISSION_DENIED', 'Requests from other origins are not allowed');
}

/** Where whoever asks reaches the server; the host has been checked. */
export function originOf(request: FastifyRequest, publicUrl: string | undefined): string {
  return publicUrl ?? `${request.protocol}://${request.headers.host ?? ''}`;
}

/** A host without its port, in lower case. */
function hostOf(header = ''): string {
  return header.toLowerCase().replace(/:\d+$/, '');
}
