import type { FastifyInstance } from 'fastify';

const PROXY = '/api/2.0/mlflow-artifacts/';

/** Answers what would pass files through the server as MLflow's server with `--no-serve-artifacts` does. */
export function refuseArtifacts(app: FastifyInstance): void {
  app.addHook('onRequest', async ({ routeOptions: { url = '' }, originalUrl }, reply) => {
    if (!url.startsWith(PROXY)) return;
    const asked = originalUrl.startsWith('/ajax-api/') ? url.replace('/api/', '/ajax-api/') : url;
    await reply
      .code(503)
      .type('text/plain')
      .send(
        `Endpoint: ${asked.replace('*', '<path:artifact_path>')} disabled due to the mlflow server running with ` +
          '`--no-serve-artifacts`. To enable artifacts server functionality, run `mlflow server` with `--serve-artifacts`',
      );
  });
}
