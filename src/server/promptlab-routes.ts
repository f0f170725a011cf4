import { Readable } from 'node:stream';
import { logBatch } from '../tracking/mlflow/log.ts';
import type { RunInfo, RunStatus } from '../tracking/mlflow/messages.ts';
import { invalid } from '../tracking/mlflow/mlflow-error.ts';
import { newRunName } from '../tracking/mlflow/run-name.ts';
import { createRun, readRun, updateRun } from '../tracking/mlflow/runs.ts';
import { RUN } from './answers/run-parts.ts';
import { requirePath } from './artifact-place.ts';
import { TAG } from './experiment-routes.ts';
import { type Field, integer, message, nested, otherwise, present, repeated, text } from './message.ts';
import { on } from './policy.ts';
import type { PromptModel } from './promptlab-files.ts';
import { type Route, route } from './route.ts';
import { experiment } from './things.ts';

const PARAMS = repeated(nested(message({ key: present(text()), value: otherwise(text(), '') })));

export const PROMPTLAB_ROUTES: readonly Route[] = [
  route(
    'POST',
    '/mlflow/runs/create-promptlab-run',
    'createPromptlabRun',
    on('EDIT', experiment),
    message({
      experiment_id: specified(text()),
      run_name: text(),
      tags: repeated(nested(TAG)),
      prompt_template: specified(text()),
      prompt_parameters: specified(PARAMS),
      model_route: specified(text()),
      model_parameters: PARAMS,
      model_input: specified(text()),
      model_output: text(),
      model_output_parameters: PARAMS,
      mlflow_version: specified(text()),
      user_id: otherwise(text(), 'unknown'),
      start_time: integer(),
    }),
    { run: RUN },
    async ({ database, artifacts, now, newId, random, root }, asked) => {
      const id = newId();
      const at = now();
      const model: PromptModel = {
        run_id: id,
        artifact_path: 'model',
        utc_time_created: `${new Date(at).toISOString().replace('T', ' ').replace('Z', '')}000`,
        model_uuid: newId(),
        flavors: {},
      };
      // With it comes a writer of YAML, which a server's start does not wait for.
      const { promptlabFiles, TABLE } = await import('./promptlab-files.ts');
      const folder = await database.write(async (sql) => {
        const run = {
          id,
          experimentId: asked.experiment_id,
          fallbackName: newRunName(random),
          name: asked.run_name,
          user: asked.user_id,
          startTime: asked.start_time ?? at,
          tags: asked.tags,
        };
        const { info } = await createRun(sql, run, root);
        await logBatch(sql, id, {
          metrics: [],
          params: [
            ...asked.model_parameters,
            { key: 'model_route', value: asked.model_route },
            { key: 'prompt_template', value: asked.prompt_template },
          ],
          tags: [
            { key: 'mlflow.loggedArtifacts', value: JSON.stringify([{ path: TABLE, type: 'table' }]) },
            { key: 'mlflow.runSourceType', value: 'PROMPT_ENGINEERING' },
            { key: 'mlflow.log-model.history', value: JSON.stringify([model]) },
          ],
        });
        return requirePath(info.artifact_uri, root);
      });
      const end = async (status: RunStatus): Promise<RunInfo> =>
        database.write((sql) => updateRun(sql, id, { status, endTime: now(), name: undefined }, root));
      const trial = {
        template: asked.prompt_template,
        promptParams: asked.prompt_parameters,
        route: asked.model_route,
        modelParams: asked.model_parameters,
        input: asked.model_input,
        output: asked.model_output,
        outputParams: asked.model_output_parameters,
      };
      try {
        for (const [path, content] of Object.entries(promptlabFiles(trial, model)))
          await artifacts.put(`${folder}/${path}`, Readable.from([Buffer.from(content)]));
      } catch (error) {
        await end('FAILED');
        throw error;
      }
      await end('FINISHED');
      return { run: await database.read((sql) => readRun(sql, id, root)) };
    },
  ),
];

/** Something that is not empty, in MLflow's words for this call. */
function specified<T extends string | readonly unknown[]>({ read, schema }: Field<T | undefined>): Field<T> {
  return {
    isRequired: true,
    schema,
    read: (value, name) => {
      const found = read(value, name);
      if (found === undefined || found.length === 0)
        throw invalid(`CreatePromptlabRun request must specify ${name}.`);
      return found;
    },
  };
}
