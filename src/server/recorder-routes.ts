import { readExperiment, renameExperiment } from '../tracking/mlflow/experiments.ts';
import { MlflowError } from '../tracking/mlflow/mlflow-error.ts';
import { ARTIFACT_ROUTES } from './artifact-routes.ts';
import { ASSESSMENT_ROUTES } from './assessment-routes.ts';
import { EXPERIMENT_ROUTES } from './experiment-routes.ts';
import { LOGGED_MODEL_ROUTES } from './logged-model-routes.ts';
import { MULTIPART_ROUTES } from './multipart-routes.ts';
import { REGISTRY_ROUTES } from './registry-routes.ts';
import type { Route, Served } from './route.ts';
import { RUN_ROUTES } from './run-routes.ts';
import { TRACE_ROUTES } from './trace-routes.ts';
import { TRACE_V3_ROUTES } from './trace-v3-routes.ts';
import { WHOLE_TRACE_ROUTES } from './whole-traces.ts';

/** The experiment of a recorder, the only one there is. */
export const RECORDED_EXPERIMENT = '0';

/**
 * What of MLflow's API a recorder has: one experiment, which has the name that it was last asked for by before
 * anything was logged, and the runs in it. A registry would be gone with the recorder, so it has none.
 *
 * @param insteadOfRegistering what a program that registers a model is told to do, as a sentence
 */
export function recorderRoutes(insteadOfRegistering: string): Route[] {
  const refuse = (message: string) => async (): Promise<object> => {
    throw new MlflowError('PERMISSION_DENIED', message);
  };
  const noReading = refuse(
    'There is no model registry here: name the model as an input of the step, as in `inputs: { model: models:/NAME@champion }`, and read it from the path of that input.',
  );
  const noWriting = refuse(insteadOfRegistering);
  const otherwise: Readonly<Record<string, Route['answer']>> = {
    createExperiment: async (served, { name }: { name: string }) => {
      await rename(served, name);
      return { experiment_id: RECORDED_EXPERIMENT };
    },
    getExperimentByName: async (served, { experiment_name: name }: { experiment_name: string }) => {
      await rename(served, name);
      return theExperiment(served);
    },
    getExperiment: theExperiment,
    deleteExperiment: refuse('The experiment of a recorded run stays.'),
  };
  return [
    ...[
      ...EXPERIMENT_ROUTES,
      ...RUN_ROUTES,
      ...LOGGED_MODEL_ROUTES,
      ...ARTIFACT_ROUTES,
      ...MULTIPART_ROUTES,
      ...TRACE_ROUTES,
      ...TRACE_V3_ROUTES,
      ...ASSESSMENT_ROUTES,
      ...WHOLE_TRACE_ROUTES,
    ].map((route) => ({ ...route, answer: otherwise[route.rpc] ?? route.answer })),
    ...REGISTRY_ROUTES.map((route) => ({
      ...route,
      answer: /^(?:get|search)/.test(route.rpc) ? noReading : noWriting,
    })),
  ];
}

async function rename({ database, now }: Served, name: string): Promise<void> {
  await database.write(async (sql) => {
    // A run stays where it was begun; here that is where it was when it first had something to keep.
    if ((await sql.get(LOGGED)) === undefined) await renameExperiment(sql, RECORDED_EXPERIMENT, name, now());
  });
}

const LOGGED = `SELECT 1 AS found FROM params UNION ALL SELECT 1 FROM latest_metrics
  UNION ALL SELECT 1 FROM tags WHERE key NOT LIKE 'mlflow.%' LIMIT 1`;

async function theExperiment({ database, root }: Served): Promise<object> {
  return { experiment: await database.read((sql) => readExperiment(sql, RECORDED_EXPERIMENT, root)) };
}
