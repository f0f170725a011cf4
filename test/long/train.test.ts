import { describe, expect, test } from 'vitest';
import { Tables } from '../../src/tables/tables.ts';
import { CliRig } from '../rigs/cli-rig.ts';

/** y follows from n, but two rows of three say the opposite. Those weigh nothing. */
const CSV = [
  'n,m,w,y',
  ...Array.from({ length: 600 }, (_, n) => {
    const isTrue = n % 3 === 0;
    return `${n % 20},${(n * 7) % 11},${isTrue ? 1 : 0},${n % 20 > 12 === isTrue ? 'late' : 'fine'}`;
  }),
].join('\n');

const FITS = ['gbdt', 'logistic'].flatMap((using) => [
  { name: `${using}_rows`, features: 'weighed', config: `using: ${using}` },
  { name: `${using}_light`, features: 'alike', config: `using: ${using}, class_weight: { late: 0.01 }` },
  { name: `${using}_heavy`, features: 'alike', config: `using: ${using}, class_weight: { late: 100 }` },
]);

const STEPS = `steps:
  ingest: { uses: ingest, with: { location: ./data.csv } }
  split: { uses: split, inputs: { data: ingest.data }, with: { target_col: y } }
  alike: { uses: transform, inputs: { training: split.training, validation: split.validation, test: split.test }, with: { task: classification, target_col: y, positive_class: late, drop: [w] } }
  weighed: { uses: transform, inputs: { training: split.training, validation: split.validation, test: split.test }, with: { task: classification, target_col: y, positive_class: late, weight_col: w } }
`;

function fitStep(name: string, features: string, config: string): string {
  return `  ${name}: { uses: train, inputs: { training: ${features}.training, validation: ${features}.validation, transformer: ${features}.transformer }, with: { max_iterations: 20, min_samples_leaf: 5, ${config} } }\n`;
}

test('rows count as much as weight_col says, classes as class_weight says', async () => {
  const recipe = [
    STEPS,
    ...FITS.flatMap(({ name, features, config }) => [
      fitStep(name, features, config),
      `  ${name}_said: { uses: score, inputs: { model: ${name}.model, data: split.test } }\n`,
    ]),
    `  all: { uses: sql, inputs: { t: split.test, ${FITS.map(({ name }) => `${name}: ${name}_said.predictions`).join(', ')} }, with: { sql: "${FITS.map(
      ({ name }) =>
        `SELECT '${name}' AS fit, avg((predicted_label = 'late')::INTEGER) AS late, avg((predicted_label = y)::INTEGER) AS correct FROM t JOIN ${name} USING (__row)`,
    ).join(' UNION ALL ')} ORDER BY fit" } }\n`,
  ].join('');
  await using rig = await CliRig.create({ 'recipe.yaml': recipe, 'data.csv': `${CSV}\n` });
  await rig.run();
  await rig.recipe('artifacts', 'get', ':all.data', 'all.parquet');
  await using tables = await Tables.open({ threads: 1, tmp: rig.dir });
  const rows = await tables.query(`SELECT fit, late, correct FROM read_parquet('${rig.dir}/all.parquet')`);
  const of = (fit: string): Record<string, unknown> | undefined => rows.find((row) => row['fit'] === fit);
  for (const using of ['gbdt', 'logistic']) {
    // Learnt from the rows that count, it is wrong on the two thirds that say the opposite.
    expect(of(`${using}_rows`)?.['correct']).toBeLessThan(0.45);
    expect(of(`${using}_light`)?.['late']).toBe(0);
    expect(of(`${using}_heavy`)?.['late']).toBe(1);
  }
});

describe('a class_weight that fits no class of the target ends the step', () => {
  test.each([
    ['class_weight: { early: 2 }', 'names the class early, which the target does not have'],
    ['class_weight: balanced', 'is set for a regression'],
  ])('%s', async (config, problem) => {
    const recipe = STEPS + fitStep('fit', 'alike', config);
    const isRegression = problem.includes('regression');
    const regression = recipe.replaceAll(
      'task: classification, target_col: y, positive_class: late',
      'task: regression, target_col: n',
    );
    await using rig = await CliRig.create({
      'recipe.yaml': isRegression ? regression : recipe,
      'data.csv': `${CSV}\n`,
    });
    const failed = (await rig.events()).find((event) => event.type === 'step.failed');
    expect(failed).toMatchObject({
      step: 'fit',
      failure: { error: { code: 'TRAIN_CLASS_WEIGHT', message: `class_weight ${problem}` } },
    });
  });
});
