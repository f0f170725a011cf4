import type { FastifyInstance, FastifyRequest } from 'fastify';
import { noTrace } from '../tracking/mlflow/require-trace.ts';
import { filesOfTrace } from '../tracking/mlflow/traces.ts';
import { requirePath } from './artifact-place.ts';
import { message, required, text, unlessEmpty } from './message.ts';
import { on } from './policy.ts';
import type { Served } from './route.ts';
import { sendFile } from './send-file.ts';
import { requested } from './things.ts';

export const OF_TRACE_FILE = message({ request_id: required(text()), path: unlessEmpty(text()) });

/** The spans of a trace as a file, or one that was attached to it, as MLflow's pages ask for them. */
export function serveTraceFile(app: FastifyInstance, servedTo: (request: FastifyRequest) => Served): void {
  app.get(
    '/api/2.0/mlflow/get-trace-artifact',
    {
      config: {
        policy: on('READ', requested),
        read: ({ query }) => OF_TRACE_FILE.read(query as Record<string, unknown>),
      },
    },
    async (request, reply) => {
      const { request_id, path } = request.asked as ReturnType<typeof OF_TRACE_FILE.read>;
      const { database, artifacts, root } = servedTo(request);
      const location = await database.read((sql) => filesOfTrace(sql, request_id, root));
      if (location === undefined) throw noTrace(request_id);
      const folder = requirePath(location, root);
      return sendFile(
        artifacts,
        `${folder}/${path === undefined ? 'traces.json' : `attachments/${path}`}`,
        request,
        reply,
      );
    },
  );
}
