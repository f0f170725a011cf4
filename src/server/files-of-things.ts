import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Identity } from '../tracking/access/identity.ts';
import { readLoggedModel } from '../tracking/mlflow/logged-models.ts';
import { invalid } from '../tracking/mlflow/mlflow-error.ts';
import { readVersion } from '../tracking/mlflow/model-versions.ts';
import { proxiedPath, runRoot } from './artifact-routes.ts';
import { on } from './policy.ts';
import type { Served } from './route.ts';
import { sendFile } from './send-file.ts';
import { loggedModel, model, run } from './things.ts';

/** Bytes of a file that is sent for a run by its name, as MLflow's pages do. */
const MAX_UPLOAD = 10 * 1024 * 1024;

type Query = Readonly<Record<string, string | undefined>>;

/**
 * Files by what has them, a run, a version or a logged model, and the path there. Bodies come as streams:
 * the scope of `app` parses none.
 */
export function serveFilesOfThings(app: FastifyInstance, servedTo: (identity: Identity) => Served): void {
  const ofQuery = ({ query }: FastifyRequest): unknown => query;
  const send = async (
    request: FastifyRequest,
    reply: FastifyReply,
    root: string,
    path = '',
  ): Promise<FastifyReply> =>
    sendFile(servedTo(request.identity).artifacts, `${root}/${path}`, request, reply);

  app.get('/get-artifact', { config: { policy: on('READ', run), read: ofQuery } }, async (request, reply) => {
    const { run_id, run_uuid, path } = request.query as Query;
    const { root } = await runRoot(servedTo(request.identity), run_id ?? run_uuid ?? '');
    return send(request, reply, root, path);
  });
  app.get(
    '/model-versions/get-artifact',
    {
      config: {
        policy: on('READ', model),
        read: ({ query }) => ({ name: (query as Query)['name'] ?? '' }),
      },
    },
    async (request, reply) => {
      const { name = '', version = '', path } = request.query as Query;
      const { database } = servedTo(request.identity);
      const { source } = await database.read((sql) => readVersion(sql, name, version));
      return send(request, reply, proxiedPath(source), path);
    },
  );
  app.get(
    '/ajax-api/2.0/mlflow/logged-models/:model_id/artifacts/files',
    { config: { policy: on('READ', loggedModel), read: ({ params }) => params } },
    async (request, reply) => {
      const { model_id } = request.params as { model_id: string };
      const { database, root } = servedTo(request.identity);
      const { info } = await database.read((sql) => readLoggedModel(sql, model_id, root));
      const { artifact_file_path: path } = request.query as Query;
      return send(request, reply, proxiedPath(info.artifact_uri), path);
    },
  );
  app.post(
    '/ajax-api/2.0/mlflow/upload-artifact',
    { config: { policy: on('EDIT', run), read: ofQuery } },
    async (request) => {
      const { run_uuid = '', path = '' } = request.query as Query;
      if (run_uuid === '') throw invalid('Request must specify run_uuid.');
      if (path === '') throw invalid('Request must specify path.');
      const served = servedTo(request.identity);
      const { root } = await runRoot(served, run_uuid);
      await served.artifacts.put(`${root}/${path}`, limited((request.body ?? request.raw) as Readable));
      return {};
    },
  );
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
