import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { DELETE_FILES, READ_FILES, WRITE_FILES } from './artifact-policies.ts';
import { serveFilesOfThings } from './files-of-things.ts';
import { serveParts } from './part-files.ts';
import type { Served } from './route.ts';
import { sendFile } from './send-file.ts';
import { serveTraceFile } from './trace-file.ts';

/** Files up and down. Bytes pass through as they come: one may be larger than memory. */
export function serveFiles(app: FastifyInstance, servedTo: (request: FastifyRequest) => Served): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_, payload, done) => done(null, payload));
  const url = '/api/2.0/mlflow-artifacts/artifacts/*';
  const read = (request: FastifyRequest): { path: string } => ({ path: pathOf(request) });
  app.get(url, { config: { policy: READ_FILES, read } }, async (request, reply) =>
    sendFile(servedTo(request).artifacts, pathOf(request), request, reply),
  );
  app.put(
    url,
    { config: { policy: WRITE_FILES, read, takesFile: true }, bodyLimit: Number.MAX_SAFE_INTEGER },
    async (request) => {
      const { artifacts } = servedTo(request);
      await artifacts.put(pathOf(request), (request.body ?? request.raw) as Readable);
      return {};
    },
  );
  app.delete(url, { config: { policy: DELETE_FILES, read } }, async (request) => {
    await servedTo(request).artifacts.remove(pathOf(request));
    return {};
  });
  serveFilesOfThings(app, servedTo);
  serveTraceFile(app, servedTo);
  serveParts(app, servedTo);
}

function pathOf(request: FastifyRequest): string {
  return (request.params as { '*': string })['*'];
}
