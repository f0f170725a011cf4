import { randomUUID } from 'node:crypto';
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import type { Clock } from '../core/world.ts';
import { GatheredPoints } from '../tracking/mlflow/gathered-points.ts';
import { ACCESS_ROUTES } from './access-routes.ts';
import { serveFiles } from './artifact-files.ts';
import { ARTIFACT_ROUTES } from './artifact-routes.ts';
import { askedFor } from './asked-for.ts';
import { ASSESSMENT_ROUTES } from './assessment-routes.ts';
import { COMPARISON_ROUTES } from './comparison-routes.ts';
import { EVALUATION_DATASET_ROUTES } from './evaluation-dataset-routes.ts';
import { EXPERIMENT_ROUTES } from './experiment-routes.ts';
import { type Guard, guard } from './guard.ts';
import { jsonOf } from './json-of.ts';
import type { Log } from './log.ts';
import { LOGGED_MODEL_ROUTES } from './logged-model-routes.ts';
import { Metrics } from './metrics.ts';
import { MULTIPART_ROUTES } from './multipart-routes.ts';
import { refuseArtifacts } from './no-artifacts.ts';
import { noteOffered, openApi } from './openapi.ts';
import { checkOrigin, originOf } from './origin.ts';
import { serveTraces } from './otlp.ts';
import { PERMISSION_ROUTES } from './permission-routes.ts';
import { PUBLIC } from './policy.ts';
import { PROMPTLAB_ROUTES } from './promptlab-routes.ts';
import { PROTECTION_ROUTES } from './protection-routes.ts';
import { inputOf } from './read-input.ts';
import { refuse } from './refuse.ts';
import { refuseUnread } from './refuse-unread.ts';
import { REGISTRY_ROUTES } from './registry-routes.ts';
import { logRequest, logRequests } from './request-log.ts';
import { inPath, patternOf, type Route, type Served } from './route.ts';
import { serveRunEvents } from './run-events.ts';
import { RUN_ROUTES } from './run-routes.ts';
import { SERVER_ROUTES } from './server-routes.ts';
import { type SharedCache, serveSharedCache } from './shared-cache.ts';
import type { SignInOptions } from './sign-in/sign-in-routes.ts';
import { SIGN_IN_ROUTES } from './sign-in/token-route.ts';
import { stopGently } from './stop-gently.ts';
import { type ServedSubmissions, serveSubmissions } from './submissions.ts';
import { limitTime, TIME_LIMITS, type TimeLimits } from './time-limits.ts';
import { TRACE_ROUTES } from './trace-routes.ts';
import { TRACE_V3_ROUTES } from './trace-v3-routes.ts';
import { USER_ROUTES } from './user-routes.ts';
import { WEBHOOK_ROUTES } from './webhooks/webhook-routes.ts';
import { WHOLE_TRACE_ROUTES } from './whole-traces.ts';

export const ROUTES: readonly Route[] = [
  ...EXPERIMENT_ROUTES,
  ...RUN_ROUTES,
  ...COMPARISON_ROUTES,
  ...PROMPTLAB_ROUTES,
  ...REGISTRY_ROUTES,
  ...LOGGED_MODEL_ROUTES,
  ...ARTIFACT_ROUTES,
  ...MULTIPART_ROUTES,
  ...TRACE_ROUTES,
  ...TRACE_V3_ROUTES,
  ...ASSESSMENT_ROUTES,
  ...WHOLE_TRACE_ROUTES,
  ...EVALUATION_DATASET_ROUTES,
  ...SERVER_ROUTES,
  ...USER_ROUTES,
  ...PERMISSION_ROUTES,
  ...ACCESS_ROUTES,
  ...SIGN_IN_ROUTES,
  ...PROTECTION_ROUTES,
  ...WEBHOOK_ROUTES,
];

/** A log-batch of the largest values that MLflow takes is 1.5 MB. */
const MAX_BODY = 8 * 1024 * 1024;

/** Messages are read by `message.ts`; Fastify's way would take a fifth of the start to load. */
const NO_SCHEMAS = { compilersFactory: { buildValidator: noSchemas, buildSerializer: noSchemas } };

/** MLflow's pages ask for the same here. */
const PAGES = /^\/ajax-api\//;

/** MLflow's clients choose their ways of talking by this. */
export const MLFLOW_VERSION = '3.17.2';

export interface ServerOptions {
  readonly served: Omit<Served, 'identity' | 'askedFor' | 'origin' | 'points' | 'servesArtifacts'>;
  readonly authenticate: Guard['authenticate'];
  /** Names that the server is called by, without port. */
  readonly allowedHosts: readonly string[];
  /** Where users reach it, if that is another address than the one it listens on. */
  readonly publicUrl?: string | undefined;
  /** Addresses of proxies whose word on who asks is believed. */
  readonly trustedProxies?: readonly string[];
  /** Pages where people sign in; none where nobody does. */
  readonly signIn?: SignInOptions | undefined;
  /** Where recipes' runs of this machine are written down; none: their events are not served. */
  readonly runs?: { readonly home: string; readonly clock: Clock } | undefined;
  /** The cache that machines share; none: it is not served. */
  readonly sharedCache?: SharedCache | undefined;
  /** Runs that terminals submit; none: nobody can submit any here. */
  readonly submissions?: ServedSubmissions | undefined;
  /** How many ticks of schedules ended how; none: this process runs none. */
  readonly ticks?: ReadonlyMap<string, number> | undefined;
  /** Whether clients' files pass through the server; true unless this says otherwise. */
  readonly servesArtifacts?: boolean;
  readonly timeLimits?: TimeLimits;
  readonly version: string;
  /** MLflow's API as a whole, unless this says otherwise. */
  readonly routes?: readonly Route[];
  /** None: requests are not logged. */
  readonly log?: Log | undefined;
  /** A bug, for the log: the client learns only that there was one. */
  readonly onBug: (error: Error, request: string) => void;
}

/** MLflow's REST API over a database; see `ROUTES`. */
export function createServer(options: ServerOptions): FastifyInstance {
  const {
    served,
    authenticate,
    allowedHosts,
    publicUrl,
    trustedProxies = [],
    signIn,
    runs,
    sharedCache,
    submissions,
    ticks,
    servesArtifacts = true,
    timeLimits = TIME_LIMITS,
    version,
    log,
    onBug,
    routes = ROUTES,
  } = options;
  const app = fastify({
    bodyLimit: MAX_BODY,
    http: { headersTimeout: timeLimits.headersMs, connectionsCheckingInterval: timeLimits.headersMs / 2 },
    routerOptions: { maxParamLength: 2000 },
    rewriteUrl: ({ url = '/' }) => url.replace(PAGES, '/api/'),
    trustProxy: [...trustedProxies],
    schemaController: NO_SCHEMAS,
    genReqId: () => randomUUID(),
    clientErrorHandler: refuseUnread,
    // What no route is looked for: an address that cannot be read, a part of it that is too long.
    frameworkErrors: (error, request, reply) => {
      refuse(error, request, reply, onBug);
      if (log !== undefined) logRequest(log, request, reply);
    },
  });
  limitTime(app, timeLimits);
  stopGently(app, timeLimits.stopMs);
  const metrics = new Metrics();
  metrics.observe(app);
  if (log !== undefined) logRequests(app, log);
  app.addHook('onRequest', async (request, reply) => {
    reply
      .header('x-stockpot-version', version)
      .header('x-request-id', request.id)
      .header('x-content-type-options', 'nosniff')
      .header('x-frame-options', 'SAMEORIGIN');
    checkOrigin(request, { allowedHosts, publicUrl });
  });
  app.setErrorHandler((error: Error, request, reply) => refuse(error, request, reply, onBug));
  app.setNotFoundHandler((request, reply) =>
    reply.code(404).send({
      error_code: 'ENDPOINT_NOT_FOUND',
      message: `There is no ${request.method} ${request.url.split('?')[0]?.slice(0, 200)}`,
    }),
  );
  guard(app, { authenticate, database: served.database, root: served.root });
  if (!servesArtifacts) refuseArtifacts(app);
  const database = metrics.counted(served.database);
  const points = new GatheredPoints(database);
  const servedTo = (request: FastifyRequest): Served => ({
    ...served,
    database,
    points,
    servesArtifacts,
    identity: request.identity,
    askedFor: askedFor(request),
    origin: originOf(request, publicUrl),
  });
  const offered = noteOffered(app);
  metrics.serve(app, served.database, ticks);
  const open = { config: { policy: PUBLIC } };
  app.get('/health', open, (_, reply) => reply.type('text/plain').send('OK'));
  app.get('/openapi.json', open, (_, reply) => reply.send(openApi(routes, offered, version)));
  app.get('/ready', open, async (_, reply) => {
    // A database that is away throws, which is a 503.
    await served.database.read((sql) => sql.get('SELECT 1 AS ready'));
    return reply.type('text/plain').send('OK');
  });
  app.get('/version', open, (_, reply) => reply.type('text/plain').send(MLFLOW_VERSION));
  app.register(async (api) => {
    api.removeAllContentTypeParsers();
    api.addContentTypeParser('*', { parseAs: 'buffer' }, (_, body, done) => done(null, body));
    for (const { method, path, version, policy, request: message, answer } of routes)
      api.route({
        method,
        url: `/api/${version}${patternOf(path)}`,
        config: {
          policy,
          // What stands in the path decides, also where a body says otherwise.
          read: (request) =>
            message.read({
              ...inputOf(request),
              ...inPath(path, request.params as Record<string, unknown>),
            }),
        },
        handler: async (request, reply) =>
          reply
            .type('application/json')
            .send(jsonOf(await answer(servedTo(request), request.asked as never))),
      });
  });
  app.register(async (files) => serveFiles(files, servedTo));
  if (sharedCache !== undefined) serveSharedCache(app, sharedCache);
  if (runs !== undefined) app.register(async (events) => serveRunEvents(events, runs));
  if (submissions !== undefined) app.register(async (offers) => serveSubmissions(offers, submissions));
  app.register(async (traces) => serveTraces(traces, servedTo));
  if (signIn !== undefined)
    app.register(async (pages) => {
      // What writes pages takes longer to load than all else here.
      const { signInRoutes } = await import('./sign-in/sign-in-routes.ts');
      signInRoutes(pages, signIn);
    });
  return app;
}

function noSchemas(): never {
  throw new Error('Internal error: a route has a schema of Fastify');
}
