import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { authorizationOf } from './credentials.ts';
import { credentialsFor } from './credentials-for.ts';
import { type Answer, MlflowApi, mayPass } from './mlflow-api.ts';
import { RequestFailed } from './request-failed.ts';
import { TrackedRun } from './tracked-run.ts';

export interface StartRunOptions {
  /** Address of the server; default `MLFLOW_TRACKING_URI`. */
  readonly trackingUri?: string;
  /**
   * Name of the experiment, made if it is not there; default `MLFLOW_EXPERIMENT_NAME`, else the one that
   * `MLFLOW_EXPERIMENT_ID` says, else `Default`.
   */
  readonly experiment?: string;
  /** Name of the run; the server makes one up otherwise. */
  readonly name?: string;
  readonly tags?: Readonly<Record<string, string>>;
  /** Id of a run to go on with instead of a new one; default `MLFLOW_RUN_ID`. */
  readonly runId?: string;
  /**
   * Bearer token; default `STOCKPOT_TOKEN`, then `MLFLOW_TRACKING_TOKEN`, then `MLFLOW_TRACKING_USERNAME` and
   * `_PASSWORD`, then what `recipe login` keeps for the server's origin.
   */
  readonly token?: string;
  /** Where defaults come from, `HOME` too; default the process's own. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Tag by which a run is found whose creation was not answered. */
const CREATION_TAG = 'stockpot.creation';
const TRIES = 4;
/** Of the experiment `Default`, on every server. */
const DEFAULT_ID = '0';

/**
 * Begins a run, or goes on with the one that the environment names, as in a step with `mlflow: true`.
 *
 * @throws RequestFailed if the server refuses, or cannot be reached
 * @throws TypeError if nothing says where the server is
 */
export async function startRun(options: StartRunOptions = {}): Promise<TrackedRun> {
  const { env = process.env, tags = {} } = options;
  const trackingUri = options.trackingUri ?? env['MLFLOW_TRACKING_URI'] ?? '';
  if (trackingUri === '') throw new TypeError('Set MLFLOW_TRACKING_URI, or pass trackingUri');
  const api = new MlflowApi({
    trackingUri,
    authorization: authorizationFor(trackingUri, options.token, env),
  });
  const runId = options.runId ?? env['MLFLOW_RUN_ID'] ?? '';
  if (runId === '') {
    const named = options.experiment ?? (env['MLFLOW_EXPERIMENT_NAME'] || undefined);
    const experiment =
      named === undefined ? env['MLFLOW_EXPERIMENT_ID'] || DEFAULT_ID : await experimentId(api, named);
    return runOf(api, await createRun(api, experiment, options));
  }
  const run = runOf(api, (await api.get('runs/get', { run_id: runId }))['run'] as Answer);
  const { name } = options;
  await api.post('runs/update', {
    run_id: runId,
    status: 'RUNNING',
    ...(name === undefined ? {} : { run_name: name }),
  });
  await run.setTags(tags);
  return run;
}

function authorizationFor(
  trackingUri: string,
  token: string | undefined,
  env: NonNullable<StartRunOptions['env']>,
): string | undefined {
  if (token !== undefined) return authorizationOf({ token });
  return URL.canParse(trackingUri) ? credentialsFor(new URL(trackingUri), env) : undefined;
}

async function experimentId(api: MlflowApi, name: string): Promise<string> {
  const read = async (): Promise<string> => {
    const { experiment } = await api.get('experiments/get-by-name', { experiment_name: name });
    return (experiment as { experiment_id: string }).experiment_id;
  };
  try {
    return await read();
  } catch (error) {
    if (!hasCode(error, 'RESOURCE_DOES_NOT_EXIST')) throw error;
  }
  try {
    return (await api.post('experiments/create', { name }))['experiment_id'] as string;
  } catch (error) {
    // Somebody else made it meanwhile, or an earlier try that was not answered.
    if (!hasCode(error, 'RESOURCE_ALREADY_EXISTS')) throw error;
    return read();
  }
}

/** A second run would be left over: before it is asked for again, the first is looked for by its tag. */
async function createRun(api: MlflowApi, experiment: string, options: StartRunOptions): Promise<Answer> {
  const creation = randomUUID();
  const tags = { ...options.tags, [CREATION_TAG]: creation };
  const body = {
    experiment_id: experiment,
    start_time: Date.now(),
    ...(options.name === undefined ? {} : { run_name: options.name }),
    tags: Object.entries(tags).map(([key, value]) => ({ key, value })),
  };
  for (let tries = 1; ; tries += 1) {
    try {
      return (await api.postOnce('runs/create', body))['run'] as Answer;
    } catch (error) {
      if (!mayPass(error) || tries === TRIES) throw error;
    }
    await wait(250 * 2 ** tries);
    const { runs } = await api.post('runs/search', {
      experiment_ids: [experiment],
      filter: `tags."${CREATION_TAG}" = '${creation}'`,
      max_results: 1,
    });
    const [made] = (runs ?? []) as readonly Answer[];
    if (made !== undefined) return made;
  }
}

function runOf(api: MlflowApi, run: Answer): TrackedRun {
  const info = run['info'] as Readonly<Record<'run_id' | 'experiment_id' | 'artifact_uri', string>>;
  return new TrackedRun(api, {
    id: info.run_id,
    experimentId: info.experiment_id,
    artifactUri: info.artifact_uri,
  });
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof RequestFailed && error.code === code;
}
