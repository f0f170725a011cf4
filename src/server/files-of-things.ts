import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteShorthandOptions } from 'fastify';
import { readLoggedModel } from '../tracking/mlflow/logged-models.ts';
import { invalid } from '../tracking/mlflow/mlflow-error.ts';
import { addressOfCopy, contentOfVersion } from '../tracking/mlflow/model-versions.ts';
import { requirePath } from './artifact-place.ts';
import { runRoot } from './artifact-routes.ts';
import { type Message, message, required, text } from './message.ts';
import { on, type Policy } from './policy.ts';
import type { Served } from './route.ts';
import { sendFile } from './send-file.ts';
import { loggedModel, model, run } from './things.ts';

/** Bytes of a file that is sent for a run by its name, as MLflow's pages do. */
const MAX_UPLOAD = 10 * 1024 * 1024;

export const OF_RUN = message({ run_id: text(), run_uuid: text(), path: text() });
export const OF_VERSION = message({ name: required(text()), version: required(text()), path: text() });
export const OF_MODEL = message({ model_id: required(text()), artifact_file_path: text() });
const UPLOAD = message({ run_uuid: text(), path: text() });

/**
 * Files by what has them, a run, a version or a logged model, and the path there. Bodies come as streams:
 * the scope of `app` parses none.
 */
export function serveFilesOfThings(
  app: FastifyInstance,
  servedTo: (request: FastifyRequest) => Served,
): void {
  const send = async (
    request: FastifyRequest,
    reply: FastifyReply,
    root: string,
    path = '',
  ): Promise<FastifyReply> => sendFile(servedTo(request).artifacts, `${root}/${path}`, request, reply);

  app.get('/get-artifact', asking(on('READ', run), OF_RUN), async (request, reply) => {
    const { run_id, run_uuid, path } = request.asked as Asked<typeof OF_RUN>;
    const { root } = await runRoot(servedTo(request), run_id ?? run_uuid ?? '');
    return send(request, reply, root, path);
  });
  app.get('/model-versions/get-artifact', asking(on('READ', model), OF_VERSION), async (request, reply) => {
    const { name, version, path } = request.asked as Asked<typeof OF_VERSION>;
    const { database, root } = servedTo(request);
    const { source, copy } = await database.read((sql) => contentOfVersion(sql, name, version));
    const address = copy === undefined ? source : addressOfCopy(copy.digest);
    return send(request, reply, requirePath(address, root), path);
  });
  app.get(
    '/api/2.0/mlflow/logged-models/:model_id/artifacts/files',
    asking(on('READ', loggedModel), OF_MODEL),
    async (request, reply) => {
      const { model_id, artifact_file_path } = request.asked as Asked<typeof OF_MODEL>;
      const { database, root } = servedTo(request);
      const { info } = await database.read((sql) => readLoggedModel(sql, model_id, root));
      return send(request, reply, requirePath(info.artifact_uri, root), artifact_file_path);
    },
  );
  app.post('/api/2.0/mlflow/upload-artifact', asking(on('EDIT', run), UPLOAD), async (request) => {
    const { run_uuid = '', path = '' } = request.asked as Asked<typeof UPLOAD>;
    if (run_uuid === '') throw invalid('Request must specify run_uuid.');
    if (path === '') throw invalid('Request must specify path.');
    const served = servedTo(request);
    const { root } = await runRoot(served, run_uuid);
    await served.artifacts.put(`${root}/${path}`, limited((request.body ?? request.raw) as Readable));
    return {};
  });
}

type Asked<M> = M extends Message<infer T> ? T : never;

/** The policy sees just what the route does: a parameter that the route knows not grants nothing. */
function asking<T>(policy: Policy<T>, { read }: Message<T>): RouteShorthandOptions {
  return {
    config: {
      policy,
      read: ({ query, params }: FastifyRequest) => read({ ...(query as object), ...(params as object) }),
    },
  };
}

/** The bytes of a body, as long as there are some and not too many. */
async function* limited(body: Readable): AsyncGenerator<Buffer> {
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_UPLOAD) throw invalid('Artifact size is too large. Max size is 10MB.');
    yield chunk;
  }
  if (size === 0) throw invalid('Request must specify data.');
}
