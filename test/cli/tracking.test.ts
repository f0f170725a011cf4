import { basename } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';
import { lastRun, listRuns, stepRuns, stepsOf } from '../rigs/tracked-runs.ts';

const CSV = [
  'name,age,y',
  ...Array.from({ length: 400 }, (_, n) => `p${n % 7},${(n * 7) % 11},${(n * 7) % 11 > 5}`),
].join('\n');

const RECIPE = `template: classification/v1
target_col: y
steps:
  ingest: { location: ./people.csv }
  train: { max_iterations: 10, min_samples_leaf: 5 }
  evaluate: { validation_criteria: [{ metric: accuracy_score, threshold: 0.6 }] }
  register: { model_name: demo, alias: latest-good }
`;

describe('a recipe from a CSV to a model, in tracking', () => {
  test('is a run with all that says what it was and what came of it, and a run for each step', async () => {
    await using rig = await CliRig.create({ 'recipe.yaml': RECIPE, 'people.csv': `${CSV}\n` });
    const events = await rig.events();
    const digests = new Map(
      events.flatMap((event) =>
        event.type === 'step.succeeded'
          ? Object.entries(event.outputs).map(([name, { digest }]) => [`${event.step}.${name}`, digest])
          : [],
      ),
    );
    const run = await lastRun(rig);
    const project = basename(rig.dir);
    expect(run).toMatchObject({
      name: expect.stringMatching(new RegExp(`^${project} 2`)),
      experiment: `${project}/${project}`,
      status: 'FINISHED',
      params: {
        'split.target_col': 'y',
        'transform.task': 'classification',
        'train.max_iterations': '10',
        'evaluate.primary_metric': 'roc_auc',
        'evaluate.validation_criteria': '[{"metric":"accuracy_score","threshold":0.6}]',
        'register.model_name': 'demo',
      },
      metrics: { test_accuracy_score: expect.any(Number), training_loss: expect.any(Number) },
      tags: {
        'mlflow.source.type': 'RECIPE',
        'mlflow.pipeline.template.name': 'classification/v1',
        'stockpot.verdict': 'VALIDATED',
        'stockpot.model_name': 'demo',
      },
    });
    expect(run.tags).not.toHaveProperty('mlflow.source.git.dirty');
    expect(run.history['training_loss']?.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(run.datasets.map(({ name, context, digest }) => [name, context ?? '', digest])).toEqual([
      ['people', '', expect.stringMatching(/^[0-9a-f]{36}$/)],
      ...['test', 'training', 'validation'].map((split) => [
        `split.${split}`,
        split,
        digests.get(`split.${split}`)?.slice(0, 36),
      ]),
      ...['training', 'validation'].map((split) => [
        `transform.${split}`,
        split,
        digests.get(`transform.${split}`)?.slice(0, 36),
      ]),
    ]);
    const [people, test] = run.datasets;
    expect(people).toMatchObject({ sourceType: 'local', source: '{"uri":"./people.csv"}' });
    expect(JSON.parse(test?.schema ?? '')).toEqual([
      { name: 'name', type: 'text' },
      { name: 'age', type: 'integer' },
      { name: 'y', type: 'boolean' },
    ]);
    expect(JSON.parse(test?.profile ?? '')).toEqual({ num_rows: expect.any(Number) });
    const steps = ['ingest', 'split', 'transform', 'train', 'evaluate', 'register'];
    const states = await stepsOf(rig, run);
    expect(Object.entries(states).map(([step, { state }]) => [step, state])).toEqual(
      steps.map((step) => [step, 'succeeded']),
    );
    const children = await stepRuns(rig, run);
    expect(Object.keys(children).toSorted()).toEqual(steps.toSorted());
    expect(children['train']).toMatchObject({
      status: 'FINISHED',
      params: { max_iterations: '10', min_samples_leaf: '5' },
      tags: {
        'mlflow.parentRunId': run.id,
        'mlflow.pipeline.step.name': 'train',
        'stockpot.fingerprint': states['train']?.fingerprint,
      },
      history: { training_loss: run.history['training_loss'] },
    });
    expect(children['train']?.artifacts).toContainEqual({
      path: 'model',
      kind: 'model',
      digest: digests.get('train.model'),
      size: expect.any(Number),
    });
    expect(children['train']?.datasets.map(({ name, context }) => [name, context])).toEqual([
      ['transform.training', 'training'],
      ['transform.validation', 'validation'],
    ]);
    const shown = JSON.parse((await rig.recipe('models', 'show', 'demo', '--json')).out);
    expect(shown.versions).toMatchObject([{ version: '1', runId: run.id }]);

    // All was cached: the run alone, saying the same.
    await rig.run();
    const again = await lastRun(rig);
    expect(again.id).not.toBe(run.id);
    expect(again).toMatchObject({ children: [], params: run.params, metrics: run.metrics });
    expect(again.tags['stockpot.verdict']).toBe('VALIDATED');
    expect(again.history['training_loss']).toHaveLength(1);
    expect(await stepsOf(rig, again)).toMatchObject({ train: { ...states['train'], state: 'cached' } });

    // Something was executed: light runs for what was not.
    await rig.run('-S', 'steps.train.learning_rate=0.05');
    const third = await lastRun(rig);
    const light = await stepRuns(rig, third);
    expect(Object.keys(light)).toHaveLength(6);
    expect(light['ingest']).toMatchObject({
      artifacts: [],
      datasets: [],
      tags: { 'stockpot.cached': 'true', 'stockpot.fingerprint': states['ingest']?.fingerprint },
    });
    expect(light['train']?.tags).not.toHaveProperty('stockpot.cached');
    expect(light['train']?.params).toMatchObject({ learning_rate: '0.05' });
    expect(third.datasets).toHaveLength(6);
  });

  test('knows the commit, the branch, and whether the tree differs from it', async () => {
    await using rig = await CliRig.create({
      'recipe.yaml':
        'steps:\n  a: { run: "cat $IN_x > $OUT_y", inputs: { x: ./x.txt }, outputs: { y: y.txt } }\n',
      'x.txt': '1\n',
    });
    const git = async (...args: string[]): Promise<string> =>
      (await execa('git', ['-c', 'user.name=me', '-c', 'user.email=me@x', ...args], { cwd: rig.dir })).stdout;
    await git('init', '-q', '-b', 'feature/one');
    await git('remote', 'add', 'origin', 'git@example.org:team/flights.git');
    await git('add', '.');
    await git('commit', '-qm', 'first');
    await rig.run();
    const clean = await lastRun(rig);
    expect(clean.experiment).toBe(`flights/${basename(rig.dir)}`);
    expect(clean.tags).toMatchObject({
      'mlflow.source.git.commit': await git('rev-parse', 'HEAD'),
      'mlflow.source.git.branch': 'feature/one',
      'mlflow.source.git.dirty': 'false',
    });
    await rig.write('notes.txt', 'git does not track this');
    await rig.run();
    expect((await lastRun(rig)).tags['mlflow.source.git.dirty']).toBe('false');
    await rig.write('x.txt', '2\n');
    await git('pack-refs', '--all');
    await rig.run();
    expect((await lastRun(rig)).tags).toMatchObject({
      'mlflow.source.git.commit': await git('rev-parse', 'HEAD'),
      'mlflow.source.git.dirty': 'true',
    });

    // A further working tree, and a project that is a folder of one.
    await git('worktree', 'add', '-q', '-b', 'two', 'tree');
    await rig.write(
      'tree/sub/recipe.yaml',
      'steps:\n  a: { run: "echo 1 > $OUT_y", outputs: { y: y.txt } }\n',
    );
    const inTree = async (...args: string[]): Promise<string> =>
      (await execa(process.execPath, [CliRig.bin, ...args], { cwd: `${rig.dir}/tree/sub` })).stdout;
    await inTree('run');
    expect(JSON.parse(await inTree('runs', 'list', '--json'))).toMatchObject([
      {
        experiment: 'flights/sub',
        tags: { 'mlflow.source.git.branch': 'two', 'mlflow.source.git.dirty': 'false' },
      },
    ]);
  });
});

describe('what a step reports', () => {
  const report = (lines: object[]): string =>
    `import json, os\nreport = json.load(open(os.environ['STOCKPOT_STEP']))['report']\nopen(report, 'w').write('''${lines
      .map((line) => JSON.stringify(line))
      .join('\n')}\n''')\nopen(os.environ['OUT_y'], 'w').write('1')\n`;

  test('stands on its run; a parameter of its own over the configured one, keys made to fit', async () => {
    await using rig = await CliRig.create({
      'recipe.yaml':
        'steps:\n  fit: { uses: ./fit.py, with: { depth: 3, nested: { a: [1, x] } }, outputs: { y: y.txt } }\n',
      'fit.py': report([
        { type: 'param', key: 'depth', value: '4' },
        { type: 'metric', key: 'auc@0.5 %', value: 0.5 },
        { type: 'metric', key: 'loss', value: 2, step: 1 },
        { type: 'metric', key: 'loss', value: 1, step: 2 },
        { type: 'tag', key: 'owner', value: 'me' },
        { type: 'tag', key: 'long', value: 'é'.repeat(9000) },
        { type: 'dataset', name: 'rows', digest: 'd', source: 'db', context: 'training' },
      ]),
    });
    expect(await rig.run()).toEqual({ fit: 'succeeded' });
    const run = await lastRun(rig);
    expect(run).toMatchObject({
      params: { 'fit.depth': '3', 'fit.nested.a': '[1,"x"]' },
      metrics: { 'auc:0.5 _': 0.5, loss: 1 },
      datasets: [{ name: 'rows', context: 'training', source: '{"uri":"db"}' }],
    });
    expect(run.tags).not.toHaveProperty('owner');
    const { fit } = await stepRuns(rig, run);
    expect(fit).toMatchObject({ params: { depth: '4' }, tags: { owner: 'me', long: 'é'.repeat(8000) } });
    expect(fit?.history['loss']?.map(({ step, value }) => [step, value])).toEqual([
      [1, 2],
      [2, 1],
    ]);
  });

  test('of several cells carries their names on the run', async () => {
    await using rig = await CliRig.create({
      'recipe.yaml':
        'steps:\n  fit: { uses: ./fit.py, matrix: { k: [1, 2] }, with: { k: "{{ matrix.k }}" }, outputs: { y: y.txt } }\n',
      'fit.py': report([{ type: 'metric', key: 'loss', value: 2 }]),
    });
    await rig.run();
    const run = await lastRun(rig);
    expect(run.metrics).toEqual({ 'fit:k_1.loss': 2, 'fit:k_2.loss': 2 });
    expect(run.params).toEqual({ 'fit:k_1.k': '1', 'fit:k_2.k': '2' });
    expect(run.children.map(({ name }) => name).toSorted()).toEqual(['fit@k=1', 'fit@k=2']);
  });

  test('of a step that failed stays with it; what needs it has no run', async () => {
    await using rig = await CliRig.create({
      'recipe.yaml':
        'steps:\n  fit: { uses: ./fit.py, outputs: { y: y.txt } }\n  next: { run: "true", inputs: { y: fit.y } }\n',
      'fit.py': `${report([{ type: 'metric', key: 'loss', value: 2 }])}raise SystemExit(3)\n`,
    });
    expect(await rig.run()).toEqual({ fit: 'failed', next: 'skipped' });
    const run = await lastRun(rig);
    expect(run).toMatchObject({ status: 'FAILED', children: [{ name: 'fit', status: 'FAILED' }] });
    expect((await stepRuns(rig, run))['fit']).toMatchObject({ metrics: { loss: 2 }, artifacts: [] });
    expect(await stepsOf(rig, run)).toMatchObject({ fit: { state: 'failed' }, next: { state: 'skipped' } });
  });
});

describe('a result has a whole run where it is first seen', () => {
  const many = (count: number): string =>
    `steps:\n${Array.from({ length: count }, (_, n) => `  s${n}: { run: "echo ${n} > $OUT_y", outputs: { y: y.txt } }`).join('\n')}\n`;

  test('also when another project that shares the cache made it', async () => {
    await using rig = await CliRig.create({ 'recipe.yaml': many(2) });
    rig.env['STOCKPOT_CACHE'] = `${rig.dir}/shared`;
    await rig.run();
    await using other = await CliRig.create({ 'recipe.yaml': many(2) });
    other.env['STOCKPOT_CACHE'] = `${rig.dir}/shared`;
    expect(await other.run()).toEqual({ s0: 'cached', s1: 'cached' });
    const { s0 } = await stepRuns(other, await lastRun(other));
    expect(s0).toMatchObject({ tags: { 'stockpot.cached': 'true' }, artifacts: [{ path: 'y.txt' }] });
    await other.run();
    expect((await lastRun(other)).children).toEqual([]);
  });

  test.each([
    [50, 51],
    [51, 1],
  ])('of %i cached steps beside one that is executed, %i have runs', async (count, runs) => {
    await using rig = await CliRig.create({ 'recipe.yaml': many(count) });
    await rig.run();
    await rig.write('recipe.yaml', `${many(count)}  more: { run: "echo > $OUT_y", outputs: { y: y.txt } }\n`);
    await rig.run();
    expect((await lastRun(rig)).children).toHaveLength(runs);
    expect(await listRuns(rig)).toHaveLength(2);
  });
});
