import type { Digest } from '../core/ids.ts';
import { readLoggedModel } from '../tracking/mlflow/logged-models.ts';
import { contentOfVersion } from '../tracking/mlflow/model-versions.ts';
import { readRun } from '../tracking/mlflow/runs.ts';
import { type ModelSource, modelSource } from './model-source.ts';
import type { Served } from './route.ts';

/** Where the model's files are, and their digest if they are here. */
export async function contentOf(
  served: Pick<Served, 'artifacts' | 'database' | 'root'>,
  source: ModelSource,
): Promise<{ source: string; digest?: Digest; size?: number }> {
  const { artifacts, database, root } = served;
  switch (source.kind) {
    case 'version': {
      const { name, version } = source;
      const { source: at, copy } = await database.read((sql) => contentOfVersion(sql, name, version));
      return copy === undefined ? contentOf(served, modelSource(at, root)) : { source: at, ...copy };
    }
    case 'logged-model': {
      const { info } = await database.read((sql) => readLoggedModel(sql, source.id, root));
      return contentOf(served, modelSource(info.artifact_uri, root));
    }
    case 'run': {
      const { info } = await database.read((sql) => readRun(sql, source.run, root));
      return contentOf(served, modelSource(`${info.artifact_uri}/${source.path}`, root));
    }
    case 'proxied':
      return { source: source.uri, ...(await artifacts.digestOf(source.path)) };
    case 'elsewhere':
      return { source: source.uri };
  }
}
