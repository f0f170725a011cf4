import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { RunStatus } from '../mlflow/messages.ts';
import { foldersIn, keysIn, mapIn, pairsIn } from './folder.ts';
import type { ExperimentFolder, FolderTree } from './folder-source.ts';
import type { SourceInput, SourceMetric, SourceRun } from './source-records.ts';
import { lifecycleOf } from './sql-experiments.ts';

/**
 * As many as share a transaction of the target: each writes the pages of its indexes again, and holds up who
 * else writes for a second or two.
 */
const BATCH = 1000;
const PAGE = 20_000;

/** Runs of a folder. Remembers where those lie that it gave last. */
export class FolderRuns {
  readonly #tree: FolderTree;
  #dirs = new Map<string, string>();

  constructor(tree: FolderTree) {
    this.#tree = tree;
  }

  async count(): Promise<number> {
    let count = 0;
    for (const { dir } of this.#tree.experiments)
      count += (await foldersIn(dir)).filter((name) => !NOT_RUNS.has(name)).length;
    return count;
  }

  async *read(): AsyncGenerator<readonly SourceRun[]> {
    let batch: SourceRun[] = [];
    let dirs = new Map<string, string>();
    for (const experiment of this.#tree.experiments)
      for (const name of await foldersIn(experiment.dir)) {
        if (NOT_RUNS.has(name)) continue;
        const dir = join(experiment.dir, name);
        const run = await readRun(this.#tree, experiment, dir);
        if (run === undefined) continue;
        batch.push(run);
        dirs.set(run.id, dir);
        if (batch.length < BATCH) continue;
        this.#dirs = dirs;
        yield batch;
        [batch, dirs] = [[], new Map()];
      }
    this.#dirs = dirs;
    if (batch.length > 0) yield batch;
  }

  async *metrics(ids: readonly string[]): AsyncGenerator<readonly SourceMetric[]> {
    let page: SourceMetric[] = [];
    for (const id of ids)
      for await (const metric of metricsOf(this.#tree, this.#dirs.get(id) ?? '', id)) {
        page.push(metric);
        if (page.length < PAGE) continue;
        yield page;
        page = [];
      }
    if (page.length > 0) yield page;
  }
}

/** What else lies in the folder of an experiment. */
const NOT_RUNS = new Set(['tags', 'datasets', 'traces', 'models']);

async function readRun(
  tree: FolderTree,
  experiment: ExperimentFolder,
  dir: string,
): Promise<SourceRun | undefined> {
  const { cells, findings } = tree;
  const meta = await mapIn(join(dir, 'meta.yaml'));
  const id = String(meta?.['run_id'] ?? meta?.['run_uuid'] ?? '');
  // MLflow's numbers of statuses, from 1.
  const status = STATUSES[Number(meta?.['status']) - 1];
  if (meta === undefined || status === undefined || !/^[a-zA-Z0-9][\w-]{0,255}$/.test(id)) {
    findings.add('skipped', 'run whose id or status is none, or whose meta.yaml cannot be read', dir);
    return undefined;
  }
  const tags = await pairsIn(join(dir, 'tags'), cells);
  const latest = new Map<string, SourceMetric>();
  for await (const metric of metricsOf(tree, dir, id)) {
    const before = latest.get(metric.key);
    if (before === undefined || !isAfter(before, metric)) latest.set(metric.key, metric);
  }
  return {
    id,
    experimentId: experiment.id,
    name:
      cells.text(meta['run_name'], `name of the run ${id}`) ||
      (tags.find(({ key }) => key === 'mlflow.runName')?.value ?? ''),
    status,
    user: cells.text(meta['user_id'], `user of the run ${id}`) ?? '',
    startTime: cells.whole(meta['start_time']),
    endTime: cells.whole(meta['end_time']),
    lifecycle: lifecycleOf(meta['lifecycle_stage']),
    deletedTime: cells.whole(meta['deleted_time']),
    artifactUri: cells.text(meta['artifact_uri'], `artifact URI of the run ${id}`) ?? '',
    params: await pairsIn(join(dir, 'params'), cells),
    tags,
    latest: [...latest.values()],
    points: undefined,
    inputs: await inputsOf(tree, experiment, dir),
    models: [...(await modelsOf(tree, dir, 'inputs')), ...(await modelsOf(tree, dir, 'outputs'))],
  };
}

const STATUSES: readonly RunStatus[] = ['RUNNING', 'SCHEDULED', 'FINISHED', 'FAILED', 'KILLED'];

/** Lines of `time value [step [data set]]`, a file for each metric. */
async function* metricsOf(
  { cells, findings }: FolderTree,
  dir: string,
  run: string,
): AsyncGenerator<SourceMetric> {
  for (const file of await keysIn(join(dir, 'metrics'))) {
    const key = cells.text(file, `metric of the run ${run}`) ?? '';
    const lines = createInterface({
      input: createReadStream(join(dir, 'metrics', file)),
      crlfDelay: Infinity,
    });
    for await (const line of lines) {
      if (line.trim() === '') continue;
      const metric = metricOf(line, { run, key });
      if (metric === undefined)
        findings.add('skipped', 'metric whose step, time or value is no number', `${key} of ${run}`);
      else yield metric;
    }
  }
}

/** The point that a line holds; undefined if it holds none. */
export function metricOf(line: string, { run, key }: { run: string; key: string }): SourceMetric | undefined {
  const [time = '', text = '', step = '0'] = line.trim().split(' ');
  const value = numberFrom(text);
  const [timestamp, at] = [Number(time), Number(step)];
  if (value === undefined || !Number.isSafeInteger(timestamp) || !Number.isSafeInteger(at)) return undefined;
  return { run, key, value, timestamp, step: at };
}

/** As Python writes numbers. */
function numberFrom(text: string): number | undefined {
  const special = { nan: Number.NaN, inf: Infinity, '-inf': -Infinity }[text.toLowerCase()];
  if (special !== undefined) return special;
  const number = Number(text);
  return text === '' || Number.isNaN(number) ? undefined : number;
}

function isAfter(a: SourceMetric, b: SourceMetric): boolean {
  if (a.step !== b.step) return a.step > b.step;
  if (a.timestamp !== b.timestamp) return a.timestamp > b.timestamp;
  return a.value > b.value;
}

async function inputsOf(
  { cells, findings }: FolderTree,
  experiment: ExperimentFolder,
  dir: string,
): Promise<readonly SourceInput[]> {
  const found: SourceInput[] = [];
  for (const name of await foldersIn(join(dir, 'inputs'))) {
    const meta = await mapIn(join(dir, 'inputs', name, 'meta.yaml'));
    if (meta?.['source_type'] !== 'DATASET') continue;
    const of = String(meta['source_id']);
    const dataset = await mapIn(join(experiment.dir, 'datasets', of, 'meta.yaml'));
    if (dataset === undefined) {
      findings.add('skipped', 'input of a run whose data set is not there', dir);
      continue;
    }
    found.push({
      dataset: {
        experimentId: experiment.id,
        name: cells.text(dataset['name'], of) ?? '',
        digest: cells.text(dataset['digest'], of) ?? '',
      },
      tags: Object.entries((meta['tags'] ?? {}) as Record<string, unknown>).map(([key, value]) => ({
        key,
        value: cells.text(value, key) ?? '',
      })),
    });
  }
  return found;
}

async function modelsOf(
  { cells }: FolderTree,
  dir: string,
  kind: 'inputs' | 'outputs',
): Promise<SourceRun['models']> {
  const found: SourceRun['models'][number][] = [];
  for (const name of await foldersIn(join(dir, kind))) {
    const meta = await mapIn(join(dir, kind, name, 'meta.yaml'));
    if (!/^MODEL_(?:INPUT|OUTPUT)$/.test(String(meta?.['destination_type']))) continue;
    found.push({
      role: kind === 'inputs' ? 'input' : 'output',
      model: String(meta?.['destination_id']),
      step: cells.time(meta?.['step']),
    });
  }
  return found;
}
