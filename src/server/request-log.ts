import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Log } from './log.ts';

/** What is asked every few seconds, by machines. */
const PROBES = new Set(['/health', '/ready', '/metrics', '/version']);

/** A line for each request that was answered. */
export function logRequests(app: FastifyInstance, log: Log): void {
  app.addHook('onResponse', async (request, reply) => logRequest(log, request, reply));
}

/**
 * Says which route a request was for, never what was asked of it: a path, a query, a header or a body may
 * hold what is nobody's business.
 */
export function logRequest(
  log: Log,
  { id, method, routeOptions, identity }: FastifyRequest,
  { statusCode: status, elapsedTime }: FastifyReply,
): void {
  const route = routeOptions.url ?? 'none';
  const line = {
    id,
    method,
    route,
    status,
    ms: Math.round(elapsedTime * 10) / 10,
    // Of a request that was refused it is not known.
    user: (identity as typeof identity | undefined)?.name,
  };
  if (status >= 500) log.error(line, 'request');
  else if (PROBES.has(route)) log.debug(line, 'request');
  else log.info(line, 'request');
}
