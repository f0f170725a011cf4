import { describe, expect, test } from 'vitest';
import { Tables } from '../../src/tables/tables.ts';
import { CliRig } from '../rigs/cli-rig.ts';

const CSV = [
  'n,m,w,y',
  ...Array.from(
    { length: 300 },
    (_, n) => `${n % 23},${(n * 7) % 11},${n % 4},${(n * 7) % 11 > 5 !== (n % 9 === 0)}`,
  ),
].join('\n');

const RECIPE = `template: classification/v1
target_col: y
steps:
  ingest: { location: ./data.csv }
  train: { max_iterations: 5, min_samples_leaf: 5 }
  evaluate: { weight_col: w }
  register: { model_name: demo }
  predict: { uses: score, inputs: { model: train.model, data: split.test } }
  both: { uses: sql, inputs: { p: predict.predictions, t: split.test }, with: { sql: "SELECT t.__row, (predicted_label = y::VARCHAR) AS correct, y, w::DOUBLE AS w FROM p JOIN t USING (__row)" } }
`;

describe('evaluate counts each row as much as weight_col says', () => {
  test('in the metrics and in the baseline', async () => {
    await using rig = await CliRig.create({ 'recipe.yaml': RECIPE, 'data.csv': `${CSV}\n` });
    await rig.run();
    await rig.recipe('artifacts', 'get', ':evaluate.metrics', 'metrics.json');
    await rig.recipe('artifacts', 'get', ':evaluate.report', 'report.json');
    await rig.recipe('artifacts', 'get', ':both.data', 'both.parquet');
    await rig.recipe('artifacts', 'get', ':split.training', 'training.parquet');
    await using tables = await Tables.open({ threads: 1, tmp: rig.dir });
    const [test] = await tables.query(
      `SELECT sum(w) FILTER (correct) / sum(w) AS weighed, avg(correct::INTEGER) AS counted, count(*)::INTEGER AS rows,
              sum(w) FILTER (y) / sum(w) AS positive FROM read_parquet('${rig.dir}/both.parquet')`,
    );
    const [training] = await tables.query(
      `SELECT sum(w) FILTER (y)::DOUBLE / sum(w) AS positive FROM read_parquet('${rig.dir}/training.parquet')`,
    );
    const metrics = JSON.parse(await rig.read('metrics.json')) as Record<string, number>;
    expect(metrics['test_accuracy_score']).toBeCloseTo(Number(test?.['weighed']), 12);
    expect(metrics['test_accuracy_score']).not.toBeCloseTo(Number(test?.['counted']), 3);
    expect(metrics['test_example_count']).toBe(test?.['rows']);
    // The baseline says of each row the weighed share of positives among the training rows.
    const [said, positive] = [Number(training?.['positive']), Number(test?.['positive'])];
    const { baseline } = JSON.parse(await rig.read('report.json')) as { baseline: Record<string, number> };
    expect(baseline['log_loss']).toBeCloseTo(
      -positive * Math.log(said) - (1 - positive) * Math.log(1 - said),
      6,
    );
  });

  test.each([
    ['evaluate: { weight_col: nope }', 'DATA_COLUMN_UNKNOWN'],
    ['evaluate: { weight_col: name }', 'TRANSFORM_WEIGHT_INVALID'],
    ['evaluate: { target_col: nope }', 'DATA_COLUMN_UNKNOWN'],
  ])('%s', async (config, code) => {
    const named = CSV.split('\n').map((line, at) => `${line},${at === 0 ? 'name' : `a${at % 3}`}`);
    await using rig = await CliRig.create({
      'recipe.yaml': RECIPE.replace('evaluate: { weight_col: w }', config),
      'data.csv': `${named.join('\n')}\n`,
    });
    const events = await rig.events('--until', 'evaluate');
    const failed = events.find((event) => event.type === 'step.failed');
    expect(failed).toMatchObject({ step: 'evaluate', failure: { error: { code } } });
  });
});
