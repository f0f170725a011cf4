import { readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CliRig, eventsOf, outcomesOf } from '../rigs/cli-rig.ts';
import { lastRun, type ShownRun, showRun, stepRuns } from '../rigs/tracked-runs.ts';

const CLIENTS = [
  ['MLflow 2.22', process.env['STOCKPOT_TEST_PYTHON']],
  ['MLflow 3', process.env['STOCKPOT_TEST_PYTHON_MLFLOW3']],
] as const;

const RECIPE = `steps:
  fit: { run: [python3, autolog.py, "0.7"], code: autolog.py, mlflow: true }
`;

/** A project with the program, and a python3 that has MLflow. */
async function project(python: string): Promise<CliRig> {
  const rig = await CliRig.create({
    'recipe.yaml': RECIPE,
    'autolog.py': readFileSync(join(import.meta.dirname, 'autolog.py'), 'utf8'),
  });
  rig.env['PATH'] = `${dirname(python)}:${process.env['PATH']}`;
  return rig;
}

/** What is the same whichever run shows it. */
async function shape(rig: CliRig, run: ShownRun): Promise<object> {
  const { params, metrics, history, artifacts, datasets, tags, children } = run;
  const nested = await Promise.all(children.map(({ id }) => showRun(rig, id)));
  return {
    params,
    metrics,
    history,
    datasets: datasets.map(({ name, context, sourceType }) => ({ name, context, sourceType })),
    estimator: tags['estimator_name'],
    artifacts: artifacts.map(({ path, kind }) => [path, kind]),
    nested: nested
      .map(({ name, status, params, metrics }) => ({ name, status, params, metrics }))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

const LOGGED = {
  params: { C: '0.7', solver: 'lbfgs' },
  metrics: { loss: 0.25, odd: 'NaN', training_accuracy_score: expect.any(Number) },
  datasets: [{ name: 'dataset', context: 'train', sourceType: 'code' }],
  estimator: 'LogisticRegression',
  artifacts: [
    ['estimator.html', 'file'],
    ['model', 'model'],
    ['notes', 'directory'],
    ['training_confusion_matrix.png', 'file'],
    ['training_precision_recall_curve.png', 'file'],
    ['training_roc_curve.png', 'file'],
  ],
  nested: [
    { name: 'trial-1', status: 'FINISHED', params: { depth: '1' }, metrics: { accuracy: 0.1 } },
    { name: 'trial-2', status: 'FINISHED', params: { depth: '2' }, metrics: { accuracy: 0.2 } },
  ],
};

describe.each(CLIENTS)('mlflow.autolog() of %s', (_, python = '') => {
  test.skipIf(python === '')(
    'in a step writes into the run of that step; a hit shows it again',
    async () => {
      await using rig = await project(python);
      const { out } = await rig.recipe('run', '--json');
      expect(outcomesOf(out)).toEqual({ fit: 'succeeded' });
      const log = eventsOf(out).flatMap((event) => (event.type === 'step.output' ? [event.text] : []));
      expect(log.join('')).toMatch(/^predicts \[0, 0, 0\]$/m);
      expect(log.join('')).toMatch(/^register PERMISSION_DENIED: A step registers no model: .*`register`/m);
      expect(log.join('')).toMatch(/^load PERMISSION_DENIED: There is no model registry here: /m);
      const whole = await lastRun(rig);
      expect(whole.metrics).toMatchObject({ loss: 0.25 });
      const { fit } = await stepRuns(rig, whole);
      if (fit === undefined) throw new Error('the step has no run');
      const first = await shape(rig, fit);
      expect(first).toMatchObject(LOGGED);
      const model = fit.artifacts.find(({ path }) => path === 'model')?.digest ?? '';
      const tree = JSON.parse(await rig.read(`.stockpot/cache/cas/${model.slice(0, 2)}/${model}`)) as {
        files: { path: string; digest: string }[];
      };
      const { digest } = tree.files.find(({ path }) => path === 'MLmodel') ?? { digest: '' };
      const manifest = await rig.read(`.stockpot/cache/cas/${digest.slice(0, 2)}/${digest}`);
      expect(manifest).toContain('loader_module: mlflow.sklearn');
      expect(manifest).toContain(fit.id);

      expect(await rig.run()).toEqual({ fit: 'cached' });
      expect((await lastRun(rig)).metrics).toMatchObject({ loss: 0.25 });
      for (const end of ['', '-wal', '-shm'])
        rmSync(join(rig.dir, `.stockpot/tracking.db${end}`), { force: true });
      expect(await rig.run()).toEqual({ fit: 'cached' });
      const again = (await stepRuns(rig, await lastRun(rig)))['fit'];
      expect(again === undefined ? undefined : await shape(rig, again)).toEqual(first);
    },
    300_000,
  );

  test.skipIf(python === '')(
    'in a program under `recipe track` writes into a run of this project',
    async () => {
      await using rig = await project(python);
      const { exit, out } = await rig.recipe('track', '--', 'python3', 'autolog.py', '0.7');
      expect(exit).toBe(0);
      expect(out).toMatch(/^predicts \[0, 0, 0\]$/m);
      expect(out).toMatch(/^register PERMISSION_DENIED: A tracked program registers no model: /m);
      const run = await lastRun(rig);
      expect(run).toMatchObject({ experiment: 'apples', status: 'FINISHED' });
      expect(await shape(rig, run)).toMatchObject(LOGGED);
    },
    300_000,
  );
});
