import type { Readable } from 'node:stream';
import fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { ARTIFACT_ROUTES, runRoot } from './artifact-routes.ts';
import { EXPERIMENT_ROUTES } from './experiment-routes.ts';
import { LOGGED_MODEL_ROUTES } from './logged-model-routes.ts';
import { checkOrigin } from './origin.ts';
import { inputOf } from './read-input.ts';
import { refuse } from './refuse.ts';
import { REGISTRY_ROUTES } from './registry-routes.ts';
import type { Route, Served } from './route.ts';
import { RUN_ROUTES } from './run-routes.ts';
import { sendFile } from './send-file.ts';
import { TRACE_ROUTES } from './trace-routes.ts';
import { TRACE_V3_ROUTES } from './trace-v3-routes.ts';

export const ROUTES: readonly Route[] = [
  ...EXPERIMENT_ROUTES,
  ...RUN_ROUTES,
  ...REGISTRY_ROUTES,
  ...LOGGED_MODEL_ROUTES,
  ...ARTIFACT_ROUTES,
  ...TRACE_ROUTES,
  ...TRACE_V3_ROUTES,
];

/** A log-batch of the largest values that MLflow takes is 1.5 MB. */
const MAX_BODY = 8 * 1024 * 1024;

/** MLflow's clients choose their ways of talking by this. */
export const MLFLOW_VERSION = '2.22.0';

export interface ServerOptions {
  readonly served: Served;
  /** Names that the server is called by, without port. */
  readonly allowedHosts: readonly string[];
  readonly version: string;
  /** A bug, for the log: the client learns only that there was one. */
  readonly onBug: (error: Error, request: string) => void;
}

/** MLflow's REST API over a database; see `ROUTES`. */
export function createServer({ served, allowedHosts, version, onBug }: ServerOptions): FastifyInstance {
  const app = fastify({
    bodyLimit: MAX_BODY,
    routerOptions: { maxParamLength: 2000 },
  });
  app.addHook('onRequest', async (request, reply) => {
    reply
      .header('x-stockpot-version', version)
      .header('x-content-type-options', 'nosniff')
      .header('x-frame-options', 'SAMEORIGIN');
    checkOrigin(request, allowedHosts);
  });
  app.setErrorHandler((error: Error, request, reply) => refuse(error, request, reply, onBug));
  app.setNotFoundHandler((request, reply) =>
    reply.code(404).send({
      error_code: 'ENDPOINT_NOT_FOUND',
      message: `There is no ${request.method} ${request.url.split('?')[0]?.slice(0, 200)}`,
    }),
  );
  app.get('/health', (_, reply) => reply.type('text/plain').send('OK'));
  app.get('/version', (_, reply) => reply.type('text/plain').send(MLFLOW_VERSION));
  app.register(async (api) => {
    api.removeAllContentTypeParsers();
    api.addContentTypeParser('*', { parseAs: 'buffer' }, (_, body, done) => done(null, body));
    for (const route of ROUTES)
      for (const prefix of ['api', 'ajax-api'])
        api.route({
          method: route.method,
          url: `/${prefix}/${route.version}${route.path.replaceAll(/\{(\w+)\}/g, ':$1')}`,
          handler: async (request, reply) => {
            // What stands in the path decides, also where a body says otherwise.
            const input = { ...inputOf(request), ...(request.params as object) };
            const answer = await route.answer(served, route.request.read(input) as never);
            return reply.type('application/json').send(jsonOf(answer));
          },
        });
  });
  app.register(async (files) => {
    // Bytes pass through as they come: a file may be larger than memory.
    files.removeAllContentTypeParsers();
    files.addContentTypeParser('*', (_, payload, done) => done(null, payload));
    for (const prefix of ['api', 'ajax-api']) {
      const url = `/${prefix}/2.0/mlflow-artifacts/artifacts/*`;
      files.get(url, async (request, reply) => sendFile(served.artifacts, pathOf(request), request, reply));
      files.put(url, { bodyLimit: Number.MAX_SAFE_INTEGER }, async (request) => {
        await served.artifacts.put(pathOf(request), (request.body ?? request.raw) as Readable);
        return {};
      });
      files.delete(url, async (request) => {
        await served.artifacts.remove(pathOf(request));
        return {};
      });
    }
    files.get('/get-artifact', async (request, reply) => {
      const { run_id, run_uuid, path } = request.query as Record<string, string | undefined>;
      const { root } = await runRoot(served, run_id ?? run_uuid ?? '');
      return sendFile(served.artifacts, `${root}/${path ?? ''}`, request, reply);
    });
  });
  return app;
}

function pathOf(request: FastifyRequest): string {
  return (request.params as { '*': string })['*'];
}

/** JSON as MLflow writes it: what is no number is a text. */
function jsonOf(answer: object): string {
  return JSON.stringify(answer, (_, value: unknown) =>
    typeof value === 'number' && Number.isNaN(value) ? 'NaN' : value,
  );
}
