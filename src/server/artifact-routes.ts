import { invalid } from '../tracking/mlflow/mlflow-error.ts';
import { readRun } from '../tracking/mlflow/runs.ts';
import { LISTED_FILES } from './answers/file-parts.ts';
import { checkPath } from './artifact-path.ts';
import { requirePath } from './artifact-place.ts';
import { READ_FILES } from './artifact-policies.ts';
import { message, text, unlessEmpty } from './message.ts';
import { on } from './policy.ts';
import { type Route, route, type Served } from './route.ts';
import { run } from './things.ts';

export const ARTIFACT_ROUTES: readonly Route[] = [
  route(
    'GET',
    '/mlflow/artifacts/list',
    'listArtifacts',
    on('READ', run),
    message({ run_id: text(), run_uuid: text(), path: text(), page_token: unlessEmpty(text()) }),
    LISTED_FILES,
    async (served, { run_id, run_uuid, path = '' }) => {
      const { uri } = await runRoot(served, run_id ?? run_uuid ?? '');
      return listBelow(served, uri, path);
    },
  ),
  route(
    'GET',
    '/mlflow-artifacts/artifacts',
    'listArtifacts',
    READ_FILES,
    message({ path: text() }),
    LISTED_FILES,
    async ({ artifacts }, { path = '' }) => ({ files: await artifacts.list(path.replace(/\/$/, '')) }),
  ),
];

/** What lies directly below a folder of a run or a logged model; paths count from its root. */
export async function listBelow({ artifacts, root }: Served, uri: string, path: string): Promise<object> {
  const folder = requirePath(uri, root);
  if (path !== '') checkPath(path);
  const files = await artifacts.list(path === '' ? folder : `${folder}/${path}`);
  return {
    root_uri: uri,
    files: files.map((file) => (path === '' ? file : { ...file, path: `${path}/${file.path}` })),
  };
}

/** A run's folder in the space of artifacts. */
export async function runRoot(
  { database, root }: Served,
  run: string,
): Promise<{ uri: string; root: string }> {
  if (run === '')
    throw invalid(
      "Missing value for required parameter 'run_id'. See the API docs for more information about request parameters.",
    );
  const { info } = await database.read((sql) => readRun(sql, run, root));
  return { uri: info.artifact_uri, root: requirePath(info.artifact_uri, root) };
}
