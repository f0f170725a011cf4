import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CliRig, eventsOf, outcomesOf } from '../rigs/cli-rig.ts';
import { inProcess } from '../rigs/in-process.ts';
import { ServerProcess } from '../rigs/server-process.ts';
import { lastRun, listRuns, type ShownRun, showRun, stepRuns } from '../rigs/tracked-runs.ts';

const FIT = `import { writeFileSync } from 'node:fs';
import { startRun } from 'stockpot/client';
import { defineStep, Type } from 'stockpot/steps';

export const step = defineStep({
  title: 'Fit',
  config: Type.Object({ depth: Type.Integer(), fails: Type.Optional(Type.Boolean()) }),
  inputs: {},
  outputs: { weights: { path: 'weights.json', kind: 'value' } },
  run: async ({ config, outputs, report }) => {
    const run = await startRun();
    report({ type: 'metric', key: 'reported', value: 1, at: 6 });
    for (const step of [0, 1, 2]) await run.logMetric('loss', 1 / (step + 1), { step, timestamp: 100 + step });
    await run.logMetric('odd', Number.NaN, { timestamp: 5 });
    await run.logParam('chosen', 'yes');
    await run.setTag('owner', 'ann');
    await run.logText('flavors: {}', 'fitted/MLmodel');
    await run.logText('hello', 'notes.txt');
    await run.logText('not this', 'weights.json');
    const { trackingUri, token } = { trackingUri: process.env['MLFLOW_TRACKING_URI'], token: process.env['MLFLOW_TRACKING_TOKEN'] };
    const trial = await startRun({ env: {}, trackingUri, token, name: 'trial', tags: { 'mlflow.parentRunId': run.id } });
    await trial.logMetric('accuracy', 0.5);
    await trial.logText('t', 'trial.txt');
    await trial.end();
    console.log('token', token);
    if (config.fails) throw new Error('out of luck');
    writeFileSync(outputs.weights, '[1]');
  },
});
`;
const RECIPE = 'steps:\n  fit: { uses: ./steps/fit.ts, with: { depth: 3 }, mlflow: true }\n';

async function project(recipe = RECIPE): Promise<CliRig> {
  const rig = await CliRig.create({ 'recipe.yaml': recipe, 'steps/fit.ts': FIT });
  return rig;
}

/** What became of each step. */
async function run(rig: CliRig): Promise<Record<string, string>> {
  return outcomesOf((await inProcess(rig.dir, 'run', '--json')).out);
}

/** What is the same whichever run shows it. */
function shape({ params, metrics, tags, artifacts, history }: ShownRun): object {
  const { owner } = tags;
  return { params, metrics, owner, history, artifacts: artifacts.map(({ path, kind }) => [path, kind]) };
}

const LOGGED = {
  params: { depth: '3', chosen: 'yes' },
  metrics: { reported: 1, loss: 1 / 3, odd: 'NaN' },
  owner: 'ann',
  artifacts: [
    ['fitted', 'model'],
    ['notes.txt', 'file'],
    ['weights.json', 'value'],
  ],
};

describe('a step with `mlflow: true`', () => {
  test('gives as its outputs what it logged at their paths and did not write', async () => {
    await using rig = await CliRig.create({
      'recipe.yaml': `steps:
  fit: { uses: ./steps/fit.ts, mlflow: true }
  use: { run: [sh, -c, 'cat "$IN_model/MLmodel" "$IN_model/data/model.bin" "$IN_plot"'], inputs: { model: fit.model, plot: fit.plot } }
`,
      'steps/fit.ts': `import { startRun } from 'stockpot/client';
import { defineStep, Type } from 'stockpot/steps';

export const step = defineStep({
  title: 'Fit',
  config: Type.Object({}),
  inputs: {},
  outputs: { model: { path: 'fitted/model/', kind: 'model' }, plot: { path: 'plot.txt', kind: 'file' } },
  run: async () => {
    const run = await startRun();
    await run.logText('flavors: {}\\n', 'fitted/model/MLmodel');
    await run.logText('weights\\n', 'fitted/model/data/model.bin');
    await run.logText('beside', 'fitted/notes.txt');
    await run.logText('a plot\\n', 'plot.txt');
  },
});
`,
    });
    const { out } = await inProcess(rig.dir, 'run', '--json');
    expect(outcomesOf(out)).toEqual({ fit: 'succeeded', use: 'succeeded' });
    const said = eventsOf(out).flatMap((event) =>
      event.type === 'step.output' && event.step === 'use' ? [event.text] : [],
    );
    expect(said.join('')).toBe('flavors: {}\nweights\na plot\n');
    const { fit } = await stepRuns(rig, await lastRun(rig));
    expect(fit?.artifacts.map(({ path, kind }) => [path, kind])).toEqual([
      ['fitted', 'directory'],
      ['fitted/model/', 'model'],
      ['plot.txt', 'file'],
    ]);
  });

  test('logs into its own run; a hit shows it again, elsewhere too', async () => {
    await using rig = await project();
    expect(await run(rig)).toEqual({ fit: 'succeeded' });
    const first = await lastRun(rig);
    const { fit } = await stepRuns(rig, first);
    if (fit === undefined) throw new Error('the step has no run');
    expect(shape(fit)).toMatchObject(LOGGED);
    expect(fit.history['loss']).toEqual(
      [0, 1, 2].map((step) => ({ step, timestamp: 100 + step, value: 1 / (step + 1) })),
    );
    expect(first.metrics).toMatchObject({ loss: 1 / 3 });
    expect(first.metrics).not.toHaveProperty('accuracy');
    const [trial] = fit.children;
    expect(trial).toMatchObject({ name: 'trial', status: 'FINISHED' });
    const shownTrial = await showRun(rig, trial?.id ?? '');
    expect(shownTrial).toMatchObject({
      metrics: { accuracy: 0.5 },
      params: {},
      artifacts: [{ path: 'trial.txt' }],
    });
    const weights = fit.artifacts.find(({ path }) => path === 'weights.json');
    expect(await rig.read(`.stockpot/cache/cas/${weights?.digest.slice(0, 2)}/${weights?.digest}`)).toBe(
      '[1]',
    );

    expect(await run(rig)).toEqual({ fit: 'cached' });
    expect((await lastRun(rig)).metrics).toMatchObject({ loss: 1 / 3, reported: 1 });

    // Another tracking database sees the result for the first time.
    for (const end of ['', '-wal', '-shm'])
      rmSync(join(rig.dir, `.stockpot/tracking.db${end}`), { force: true });
    expect(await run(rig)).toEqual({ fit: 'cached' });
    const again = (await stepRuns(rig, await lastRun(rig)))['fit'];
    expect(again === undefined ? undefined : shape(again)).toEqual(shape(fit));
    expect(again?.children.map(({ name }) => name)).toEqual(['trial']);
  });

  test('keeps what it logs in a folder that an output lies in too', async () => {
    const uses = FIT.replace("path: 'weights.json'", "path: 'fitted/weights.json'").replace(
      "logText('not this', 'weights.json')",
      "logText('not this', 'fitted/weights.json')",
    );
    await using rig = await CliRig.create({ 'recipe.yaml': RECIPE, 'steps/fit.ts': uses });
    expect(await run(rig)).toEqual({ fit: 'succeeded' });
    const { fit } = await stepRuns(rig, await lastRun(rig));
    expect(fit?.artifacts.map(({ path, kind }) => [path, kind])).toEqual([
      ['fitted', 'model'],
      ['fitted/weights.json', 'value'],
      ['notes.txt', 'file'],
    ]);
    await using server = await ServerProcess.start(rig);
    const { files } = await server.api(`artifacts/list?run_id=${fit?.id}&path=fitted`);
    expect(files).toEqual([
      { path: 'fitted/MLmodel', is_dir: false, file_size: 11 },
      { path: 'fitted/weights.json', is_dir: false, file_size: 3 },
    ]);
    const read = async (path: string): Promise<string> =>
      (await fetch(`${server.url}/get-artifact?run_id=${fit?.id}&path=fitted/${path}`)).text();
    expect([await read('MLmodel'), await read('weights.json')]).toEqual(['flavors: {}', '[1]']);
  });

  test('is not the same step as one without it', async () => {
    await using rig = await CliRig.create({ 'recipe.yaml': 'steps:\n  a: { run: [env], outputs: {} }\n' });
    expect(await run(rig)).toEqual({ a: 'succeeded' });
    await rig.write('recipe.yaml', 'steps:\n  a: { run: [env], outputs: {}, mlflow: true }\n');
    expect(await run(rig)).toEqual({ a: 'succeeded' });
    const { out } = await inProcess(rig.dir, 'explain', ':a');
    expect(out).toContain('mlflow');
    await rig.write('recipe.yaml', 'steps:\n  a: { run: [env], outputs: {}, mlflow: false }\n');
    expect(await run(rig)).toEqual({ a: 'cached' });
  });

  test('that fails keeps what it logged until then, but for files; the log has no token', async () => {
    await using rig = await project(RECIPE.replace('depth: 3', 'depth: 3, fails: true'));
    const { out } = await inProcess(rig.dir, 'run', '--json');
    expect(outcomesOf(out)).toEqual({ fit: 'failed' });
    const text = eventsOf(out).flatMap((event) => (event.type === 'step.output' ? [event.text] : []));
    expect(text.join('')).toBe('token ***\n');
    const { fit } = await stepRuns(rig, await lastRun(rig));
    expect(fit).toMatchObject({
      status: 'FAILED',
      params: { chosen: 'yes' },
      metrics: { loss: 1 / 3 },
      artifacts: [],
    });
    expect(fit?.children).toMatchObject([{ name: 'trial' }]);
  });

  test('runs again if a file that it logged is lost', async () => {
    await using rig = await project();
    await run(rig);
    const { fit } = await stepRuns(rig, await lastRun(rig));
    const notes = fit?.artifacts.find(({ path }) => path === 'notes.txt');
    const path = join(rig.dir, `.stockpot/cache/cas/${notes?.digest.slice(0, 2)}/${notes?.digest}`);
    expect(readFileSync(path, 'utf8')).toBe('hello');
    await inProcess(rig.dir, 'cache', 'gc', '--max-size', '0B');
    expect(readFileSync(path, 'utf8')).toBe('hello');
    expect(await run(rig)).toEqual({ fit: 'cached' });
    rmSync(path);
    expect(await run(rig)).toEqual({ fit: 'succeeded' });
  });

  test('gets MLflow’s variables, which `env` cannot give it; another step gets none', async () => {
    await using rig = await CliRig.create({
      'recipe.yaml': `steps:
  with:
    run: [bash, -c, 'env | grep -c ^MLFLOW_RUN_ID=; echo $MLFLOW_TRACKING_URI; echo [$MLFLOW_TRACKING_USERNAME]']
    mlflow: true
  without: { run: [bash, -c, 'env | grep -c MLFLOW || true'] }
`,
    });
    const said: Record<string, string> = {};
    for (const event of eventsOf((await inProcess(rig.dir, 'run', '--json')).out))
      if (event.type === 'step.output') said[event.step] = (said[event.step] ?? '') + event.text;
    expect(said['with']).toMatch(/^1\nhttp:\/\/127\.0\.0\.1:\d+\n\[\]\n$/);
    expect(said['without']).toBe('0\n');
    const given = 'mlflow: true\n    env: { MLFLOW_TRACKING_URI: "http://elsewhere" }';
    await rig.write('recipe.yaml', (await rig.read('recipe.yaml')).replace('mlflow: true', given));
    expect(await inProcess(rig.dir, 'run')).toMatchObject({
      exit: 2,
      err: expect.stringContaining(
        'mlflow and env.MLFLOW_TRACKING_URI would both be the variable MLFLOW_TRACKING_URI',
      ),
    });
  });

  test('an answer that is neither true nor false is refused with its place', async () => {
    await using rig = await CliRig.create({ 'recipe.yaml': 'steps:\n  a: { run: [x], mlflow: maybe }\n' });
    const { exit, err } = await inProcess(rig.dir, 'validate', '--json');
    expect({ exit, ...(JSON.parse(err) as object) }).toMatchObject({
      exit: 2,
      code: 'VALUE_INVALID',
      at: { line: 2, column: 26 },
    });
  });
});

test('a run of a recipe without such a step has no run nested deeper than its steps', async () => {
  await using rig = await CliRig.create({ 'recipe.yaml': 'steps:\n  a: { run: [echo, hi] }\n' });
  await run(rig);
  expect(await listRuns(rig, '--steps')).toHaveLength(2);
});
