import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Database } from '../db/sql.ts';
import type { Identity } from '../tracking/access/identity.ts';
import { authorize, type Policy, unauthenticated } from './policy.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    readonly policy?: Policy<never>;
    /** The request as the policy and the handler see it. */
    readonly read?: (request: FastifyRequest) => unknown;
  }
  interface FastifyRequest {
    /** Who asks; on public routes that is not looked at. */
    identity: Identity;
    /** What `read` of the route made of it. */
    asked: unknown;
  }
}

export interface Guard {
  /**
   * Who asks; undefined if the request does not say so.
   *
   * @throws MlflowError UNAUTHENTICATED if it says so wrongly
   */
  readonly authenticate: (request: FastifyRequest) => Promise<Identity | undefined>;
  readonly database: Database;
  /** Where experiments without a place of their own keep artifacts. */
  readonly root: string;
}

/** Holds every route to its policy: who asks is known before a body is read, and what they may before it is obeyed. */
export function guard(app: FastifyInstance, { authenticate, database, root }: Guard): void {
  app.decorateRequest('identity');
  app.decorateRequest('asked');
  app.addHook('onRoute', ({ config, method, url }) => {
    if (config?.policy === undefined)
      throw new Error(`Internal error: ${String(method)} ${url} has no policy`);
  });
  app.addHook('onRequest', async (request) => {
    const { policy } = request.routeOptions.config;
    if (policy === undefined || policy.kind === 'public') return;
    const identity = await authenticate(request);
    if (identity === undefined) throw unauthenticated();
    request.identity = identity;
  });
  app.addHook('preHandler', async (request) => {
    const { policy, read } = request.routeOptions.config;
    request.asked = read?.(request);
    const { identity } = request;
    if (policy === undefined || policy.kind === 'public' || identity.kind === 'local') return;
    await database.read((sql) => authorize(policy, { identity, root }, sql, request.asked as never));
  });
}
