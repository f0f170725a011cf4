import { describe, expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';

/** y follows from n alone for rows that weigh something, and is the opposite for the others. */
const CSV = [
  'n,m,w,y',
  ...Array.from({ length: 600 }, (_, n) => {
    const isNoise = n % 3 === 0;
    return `${n % 20},${(n * 7) % 11},${isNoise ? 0 : 1},${n % 20 > 12 !== isNoise ? 'late' : 'fine'}`;
  }),
].join('\n');

const RECIPE = (train: string, transform = ''): string => `template: classification/v1
target_col: y
positive_class: late
steps:
  ingest: { location: ./data.csv }
  transform: { ${transform} }
  train: { max_iterations: 20, min_samples_leaf: 5, ${train} }
  register: { model_name: demo }
`;

async function metricsOf(recipe: string): Promise<Record<string, number>> {
  await using rig = await CliRig.create({ 'recipe.yaml': recipe, 'data.csv': `${CSV}\n` });
  await rig.run();
  await rig.recipe('artifacts', 'get', ':evaluate.metrics', 'metrics.json');
  return JSON.parse(await rig.read('metrics.json')) as Record<string, number>;
}

describe.each(['gbdt', 'logistic'])('%s', (using) => {
  test('rows count as much as the weight_col of transform says', async () => {
    const alike = await metricsOf(RECIPE(`using: ${using}`));
    const weighed = await metricsOf(RECIPE(`using: ${using}`, 'weight_col: w'));
    // Of the rows that weigh nothing every answer is wrong, of the others none.
    expect(weighed['test_recall_score']).toBeLessThan(0.65);
    expect(weighed).not.toEqual(alike);
  });

  test('classes count as much as class_weight says', async () => {
    const recalls: number[] = [];
    for (const weight of ['{ late: 0.02 }', '{ late: 1 }', '{ late: 50 }']) {
      const metrics = await metricsOf(RECIPE(`using: ${using}, class_weight: ${weight}`));
      recalls.push(metrics['test_recall_score'] as number);
    }
    expect(recalls[0]).toBe(0);
    expect(recalls[1]).toBeGreaterThan(0);
    expect(recalls[1]).toBeLessThan(1);
    expect(recalls[2]).toBe(1);
  });
});

describe('a class_weight that fits no class of the target ends the step', () => {
  test.each([
    ['class_weight: { early: 2 }', 'names the class early, which the target does not have'],
    ['using: gbdt, class_weight: balanced', 'is set for a regression'],
  ])('%s', async (train, problem) => {
    const recipe = RECIPE(train);
    const isRegression = problem.includes('regression');
    await using rig = await CliRig.create({
      'recipe.yaml': isRegression
        ? recipe
            .replace('classification/v1', 'regression/v1')
            .replace('target_col: y\npositive_class: late', 'target_col: n')
        : recipe,
      'data.csv': `${CSV}\n`,
    });
    const failed = (await rig.events()).find((event) => event.type === 'step.failed');
    expect(failed).toMatchObject({
      step: 'train',
      failure: { error: { code: 'TRAIN_CLASS_WEIGHT', message: `class_weight ${problem}` } },
    });
  });
});
