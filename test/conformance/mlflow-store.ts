import { RecipeError } from '../../src/core/recipe-error.ts';
import type { Database } from '../../src/db/sql.ts';
import type { Change } from '../../src/tracking/mlflow/audit.ts';
import { createExperiment } from '../../src/tracking/mlflow/experiments.ts';
import { type Batch, logBatch } from '../../src/tracking/mlflow/log.ts';
import type { ModelVersion, Run, Tag } from '../../src/tracking/mlflow/messages.ts';
import { MlflowError } from '../../src/tracking/mlflow/mlflow-error.ts';
import { createVersion, type NewVersion, readVersion } from '../../src/tracking/mlflow/model-versions.ts';
import { createModel } from '../../src/tracking/mlflow/registered-models.ts';
import { createRun, type NewRun, readRun } from '../../src/tracking/mlflow/runs.ts';
import type { Search } from '../../src/tracking/mlflow/search.ts';
import { searchRuns } from '../../src/tracking/mlflow/search-runs.ts';

/** A store as MLflow's operations see it, empty but for the experiment 0. */
export interface OpenStore extends AsyncDisposable {
  readonly database: Database;
}

export const ROOT = 'mlflow-artifacts:';
export const change: Change = { actor: 'me', at: 50 };

/** The code that `work` is refused with, or `done`. */
export async function outcome(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'done';
  } catch (error) {
    if (error instanceof MlflowError || error instanceof RecipeError) return error.code;
    throw error;
  }
}

export async function newExperiment(
  database: Database,
  name: string,
  { tags = [], at = 10 }: { tags?: readonly Tag[]; at?: number } = {},
): Promise<string> {
  return database.write((sql) => createExperiment(sql, { name, artifactLocation: undefined, tags }, at));
}

export async function newRun(database: Database, id: string, more: Partial<NewRun> = {}): Promise<string> {
  const run = {
    experimentId: '0',
    fallbackName: 'some',
    name: undefined,
    user: 'me',
    startTime: 1,
    tags: [],
  };
  await database.write((sql) => createRun(sql, { id, ...run, ...more }, ROOT));
  return id;
}

/** A point of a metric as it is shorter to write. */
export type Point = readonly [key: string, value: number, step?: number, timestamp?: number];

export function points(...written: readonly Point[]): Batch {
  return {
    metrics: written.map(([key, value, step = 0, timestamp = 0]) => ({ key, value, step, timestamp })),
    params: [],
    tags: [],
  };
}

export async function log(database: Database, run: string, batch: Partial<Batch>): Promise<void> {
  await database.write((sql) => logBatch(sql, run, { metrics: [], params: [], tags: [], ...batch }));
}

export async function read(database: Database, run: string): Promise<Run> {
  return database.read((sql) => readRun(sql, run, ROOT));
}

/** Ids of the runs that a search of the experiment 0 finds, in its order. */
export async function found(
  database: Database,
  filter: string,
  search: Partial<Search> = {},
): Promise<string[]> {
  const { runs } = await database.read((sql) => searchRuns(sql, ['0'], { ...ALL, filter, ...search }, ROOT));
  return runs.map(({ info }) => info.run_id);
}

export const ALL: Search = {
  filter: '',
  view: 'ACTIVE_ONLY',
  maxResults: 1000,
  orderBy: [],
  pageToken: undefined,
};

export async function newModel(
  database: Database,
  name: string,
  { tags = [], at = 10 }: { tags?: readonly Tag[]; at?: number } = {},
): Promise<void> {
  await database.write((sql) =>
    createModel(sql, { name, description: undefined, tags }, { actor: 'me', at }),
  );
}

/** Gives the number of the version. */
export async function newVersion(
  database: Database,
  name: string,
  more: Partial<NewVersion> & { at?: number } = {},
): Promise<string> {
  const version = {
    name,
    source: 's3://models/a',
    runId: undefined,
    runLink: undefined,
    description: undefined,
    tags: [],
    digest: undefined,
    size: undefined,
  };
  return database.write((sql) =>
    createVersion(sql, { ...version, ...more }, { actor: 'me', at: more.at ?? 20 }),
  );
}

export async function version(database: Database, name: string, number: string): Promise<ModelVersion> {
  return database.read((sql) => readVersion(sql, name, number));
}
