import { describe, expect, test } from 'vitest';
import { GraphBuilder } from '../../src/learn/onnx/graph-builder.ts';
import { Tables } from '../../src/tables/tables.ts';
import { CliRig } from '../rigs/cli-rig.ts';

const RECIPE = `steps:
  ingest: { uses: ingest, with: { location: ./data.csv } }
  predict: { uses: score, inputs: { model: ./theirs, data: ingest.data } }
  evaluate:
    uses: evaluate
    inputs: { model: ./theirs, training: ingest.data, validation: ingest.data, test: ingest.data }
    with: { target_col: y }
`;

/** A project with a model that another tool wrote: it gives square roots of `x`. */
async function project(recipe: string): Promise<CliRig> {
  const rig = await CliRig.create({
    'recipe.yaml': recipe,
    'data.csv': 'x,y\n1,1\n4,2\n9,4\n',
    'package.json': '{}',
  });
  const graph = new GraphBuilder();
  graph.output('roots', 'float', graph.node('Sqrt', [graph.input('x', 'float')]));
  await rig.write('theirs/model.onnx', graph.finish());
  return rig;
}

describe('a model that another tool wrote', () => {
  test("is scored and judged, by the project's onnxruntime-node", async () => {
    await using rig = await project(RECIPE);
    await rig.linkPackages();
    expect(await rig.run()).toEqual({ ingest: 'succeeded', predict: 'succeeded', evaluate: 'succeeded' });
    await rig.recipe('artifacts', 'get', ':predict.predictions', 'predictions.parquet');
    await using tables = await Tables.open({ threads: 1, tmp: rig.dir });
    expect(
      await tables.query(`SELECT * EXCLUDE __row FROM read_parquet('${rig.dir}/predictions.parquet')`),
    ).toEqual([{ prediction: 1 }, { prediction: 2 }, { prediction: 3 }]);
    await rig.recipe('artifacts', 'get', ':evaluate.metrics', 'metrics.json');
    expect(JSON.parse(await rig.read('metrics.json'))).toMatchObject({
      test_max_error: 1,
      test_mean_squared_error: 1 / 3,
    });
  });

  test('does not say what it predicts', async () => {
    await using rig = await project(RECIPE.replace('    with: { target_col: y }\n', ''));
    await rig.linkPackages();
    const failed = (await rig.events('--until', 'evaluate')).find(({ type }) => type === 'step.failed');
    expect(failed).toMatchObject({ step: 'evaluate', failure: { error: { code: 'MODEL_TARGET_UNKNOWN' } } });
  });
});
