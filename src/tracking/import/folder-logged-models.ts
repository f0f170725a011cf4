import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { MODEL_STATUSES } from '../mlflow/messages.ts';
import { foldersIn, keysIn, mapIn, pairsIn } from './folder.ts';
import { metricOf } from './folder-runs.ts';
import type { FolderTree } from './folder-source.ts';
import type { SourceLoggedModel, SourceModelMetric } from './source-records.ts';
import { lifecycleOf } from './sql-experiments.ts';

/** Models that MLflow 3's clients logged into a folder. */
export async function* readFolderLoggedModels({
  experiments,
  cells,
  findings,
}: FolderTree): AsyncGenerator<readonly SourceLoggedModel[]> {
  for (const experiment of experiments) {
    const page: SourceLoggedModel[] = [];
    for (const id of await foldersIn(join(experiment.dir, 'models'))) {
      const dir = join(experiment.dir, 'models', id);
      const meta = await mapIn(join(dir, 'meta.yaml'));
      const text = (key: string): string => cells.text(meta?.[key], `logged model ${id}`) ?? '';
      const status = MODEL_STATUSES[Number(meta?.['status']) - 1];
      if (status === undefined || !/^[\w-]{1,256}$/.test(id)) {
        findings.add('skipped', 'logged model with an id or status that MLflow does not know', id);
        continue;
      }
      page.push({
        id,
        experimentId: experiment.id,
        name: text('name'),
        location: text('artifact_location'),
        status,
        modelType: text('model_type'),
        sourceRun: text('source_run_id'),
        createdAt: cells.time(meta?.['creation_timestamp']),
        updatedAt: cells.time(meta?.['last_updated_timestamp']),
        lifecycle: lifecycleOf(meta?.['lifecycle_stage']),
        params: await pairsIn(join(dir, 'params'), cells),
        tags: await pairsIn(join(dir, 'tags'), cells),
      });
    }
    yield page;
  }
}

/** Lines of `time value step run [data set, digest]`, a file for each metric. */
export async function* readFolderModelMetrics(
  { experiments, cells }: FolderTree,
  models: readonly string[],
): AsyncGenerator<readonly SourceModelMetric[]> {
  const wanted = new Set(models);
  for (const experiment of experiments)
    for (const model of await foldersIn(join(experiment.dir, 'models'))) {
      if (!wanted.has(model)) continue;
      const dir = join(experiment.dir, 'models', model, 'metrics');
      for (const file of await keysIn(dir)) {
        const page: SourceModelMetric[] = [];
        for await (const line of createInterface({ input: createReadStream(join(dir, file)) })) {
          const [, , , run = '', datasetName = '', datasetDigest = ''] = line.trim().split(' ');
          const metric = metricOf(line, { run, key: cells.text(file, model) ?? '' });
          if (metric !== undefined) page.push({ ...metric, model, datasetName, datasetDigest });
        }
        yield page;
      }
    }
}
