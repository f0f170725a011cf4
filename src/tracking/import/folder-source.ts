import { dirname, join } from 'node:path';
import { Cells } from './cells.ts';
import type { Findings } from './findings.ts';
import { foldersIn, mapIn, pairsIn } from './folder.ts';
import { readFolderLoggedModels, readFolderModelMetrics } from './folder-logged-models.ts';
import { readFolderModels } from './folder-models.ts';
import { FolderRuns } from './folder-runs.ts';
import { readFolderTraces } from './folder-traces.ts';
import type { MlflowSource } from './mlflow-source.ts';
import type { SourceDataset, SourceExperiment } from './source-records.ts';
import { lifecycleOf } from './sql-experiments.ts';

/** An experiment's folder. */
export interface ExperimentFolder {
  readonly dir: string;
  readonly id: string;
}

/** What the readers of a folder share. */
export interface FolderTree {
  readonly experiments: readonly ExperimentFolder[];
  readonly cells: Cells;
  readonly findings: Findings;
}

/** MLflow's store of files, `mlruns/`, as versions 2 and 3 write it. */
export async function folderSource({
  dir,
  findings,
}: {
  dir: string;
  findings: Findings;
}): Promise<MlflowSource> {
  const cells = new Cells(findings);
  const experiments: ExperimentFolder[] = [];
  for (const place of [dir, join(dir, '.trash')])
    for (const name of await foldersIn(place)) {
      const meta = await mapIn(join(place, name, 'meta.yaml'));
      if (meta?.['experiment_id'] === undefined || meta['name'] === undefined) continue;
      experiments.push({ dir: join(place, name), id: String(meta['experiment_id']) });
    }
  const tree: FolderTree = { experiments, cells, findings };
  const runs = new FolderRuns(tree);
  return {
    format: 'folder',
    base: dirname(dir),
    runCount: () => runs.count(),
    experiments: () => readExperiments(tree),
    datasets: () => readDatasets(tree),
    loggedModels: () => readFolderLoggedModels(tree),
    runs: () => runs.read(),
    metrics: (ids) => runs.metrics(ids),
    modelMetrics: (ids) => readFolderModelMetrics(tree, ids),
    traces: () => readFolderTraces(tree),
    models: () => readFolderModels(join(dir, 'models'), tree),
    leftOut: async () => [],
    [Symbol.asyncDispose]: async () => undefined,
  };
}

async function readExperiments({ experiments, cells }: FolderTree): Promise<readonly SourceExperiment[]> {
  const found: SourceExperiment[] = [];
  for (const { dir, id } of experiments) {
    const meta = (await mapIn(join(dir, 'meta.yaml'))) ?? {};
    found.push({
      id,
      name: cells.text(meta['name'], `name of the experiment ${id}`) ?? '',
      location: cells.text(meta['artifact_location'], `artifact location of the experiment ${id}`),
      lifecycle: lifecycleOf(meta['lifecycle_stage']),
      createdAt: cells.time(meta['creation_time']),
      updatedAt: cells.time(meta['last_update_time']),
      tags: await pairsIn(join(dir, 'tags'), cells),
    });
  }
  return found;
}

async function* readDatasets({ experiments, cells }: FolderTree): AsyncGenerator<readonly SourceDataset[]> {
  for (const experiment of experiments) {
    const page: SourceDataset[] = [];
    for (const name of await foldersIn(join(experiment.dir, 'datasets'))) {
      const meta = await mapIn(join(experiment.dir, 'datasets', name, 'meta.yaml'));
      const text = (key: string): string | undefined => cells.text(meta?.[key], `data set ${name}`);
      page.push({
        experimentId: experiment.id,
        name: text('name') ?? '',
        digest: text('digest') ?? '',
        sourceType: text('source_type') ?? '',
        source: text('source') ?? '',
        schema: text('schema'),
        profile: text('profile'),
      });
    }
    yield page.filter((dataset) => dataset.name !== '' && dataset.digest !== '');
  }
}
