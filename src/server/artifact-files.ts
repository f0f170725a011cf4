import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Identity } from '../tracking/access/identity.ts';
import { DELETE_FILES, READ_FILES, WRITE_FILES } from './artifact-policies.ts';
import { serveFilesOfThings } from './files-of-things.ts';
import type { Served } from './route.ts';
import { sendFile } from './send-file.ts';

/** Files up and down. Bytes pass through as they come: one may be larger than memory. */
export function serveFiles(app: FastifyInstance, servedTo: (identity: Identity) => Served): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_, payload, done) => done(null, payload));
  for (const prefix of ['api', 'ajax-api']) {
    const url = `/${prefix}/2.0/mlflow-artifacts/artifacts/*`;
    const read = (request: FastifyRequest): { path: string } => ({ path: pathOf(request) });
    app.get(url, { config: { policy: READ_FILES, read } }, async (request, reply) =>
      sendFile(servedTo(request.identity).artifacts, pathOf(request), request, reply),
    );
    app.put(
      url,
      { config: { policy: WRITE_FILES, read }, bodyLimit: Number.MAX_SAFE_INTEGER },
      async (request) => {
        const { artifacts } = servedTo(request.identity);
        await artifacts.put(pathOf(request), (request.body ?? request.raw) as Readable);
        return {};
      },
    );
    app.delete(url, { config: { policy: DELETE_FILES, read } }, async (request) => {
      await servedTo(request.identity).artifacts.remove(pathOf(request));
      return {};
    });
  }
  serveFilesOfThings(app, servedTo);
}

function pathOf(request: FastifyRequest): string {
  return (request.params as { '*': string })['*'];
}
