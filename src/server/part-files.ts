import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { invalid } from '../tracking/mlflow/mlflow-error.ts';
import { PARTS, UPLOAD_SECRET } from './multipart-routes.ts';
import { PUBLIC } from './policy.ts';
import type { Served } from './route.ts';

/**
 * Takes parts of files. Clients send them without saying who they are, as to a store of another's: what
 * lets them in is the secret that came with the upload, which is good for its parts alone.
 */
export function serveParts(app: FastifyInstance, servedTo: (request: FastifyRequest) => Served): void {
  app.put(
    `${PARTS}/:id/:number`,
    { config: { policy: PUBLIC, takesFile: true }, bodyLimit: Number.MAX_SAFE_INTEGER },
    async (request, reply) => {
      const { id, number } = request.params as { readonly id: string; readonly number: string };
      if (!/^[0-9a-f]{32}$/.test(id) || !/^[1-9]\d{0,4}$/.test(number))
        throw invalid('The address of a part ends in the id of its upload and its number.');
      const secret = request.headers[UPLOAD_SECRET];
      const part = { id, number: Number(number), secret: typeof secret === 'string' ? secret : '' };
      const digest = await servedTo(request).uploads.put(part, (request.body ?? request.raw) as Readable);
      return reply.header('etag', `"${digest}"`).send({});
    },
  );
}
