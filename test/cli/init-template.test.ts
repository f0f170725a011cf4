import { describe, expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';
import { inProcess } from '../rigs/in-process.ts';

const rows = Array.from({ length: 60 }, (_, n) => `${n % 7},${n % 2},${(n % 5) + 1},${'abc'.charAt(n % 3)}`);
const CSV = `x,flag,stars,letter\n${rows.join('\n')}\n`;

async function init(rig: CliRig, target: string, template: string): Promise<string> {
  const { exit, out, err } = await inProcess(
    rig.dir,
    'init',
    '--data=d.csv',
    `--target=${target}`,
    `--template=${template}`,
    '--json',
  );
  if (exit !== 0) {
    const { code, hint, message } = JSON.parse(err) as { code: string; hint: string; message: string };
    return `${exit} ${code}: ${message}. ${hint}`;
  }
  const { task, metric } = JSON.parse(out) as { task: string; metric: string };
  return `${task}, ${metric}`;
}

describe('init --template overrides what the target looks like', () => {
  test.each([
    ['stars', 'classification/v1', 'classification, f1_score'],
    ['flag', 'regression/v1', 'regression, root_mean_squared_error'],
    ['flag', 'classification/v1', 'classification, roc_auc'],
  ])('%s as %s', async (target, template, expected) => {
    await using rig = await CliRig.create({ 'd.csv': CSV });
    expect(await init(rig, target, template)).toBe(expected);
    expect(await rig.read('recipe.yaml')).toMatch(new RegExp(`^template: ${template} `, 'm'));
    expect(await inProcess(rig.dir, 'validate')).toMatchObject({ exit: 0 });
  });

  test('one of the project’s own', async () => {
    const steps = ['ingest', 'split', 'train', 'evaluate', 'register'];
    const own = `keys: { target_col: { type: string }, primary_metric: { type: string } }\nsteps:\n`;
    await using rig = await CliRig.create({
      'd.csv': CSV,
      'templates/ours.yaml': own + steps.map((step) => `  ${step}: { uses: ${step} }\n`).join(''),
      'templates/half.yaml': 'steps:\n  ingest: { uses: ingest }\n',
    });
    expect(await init(rig, 'stars', 'half')).toBe(
      '2 USAGE: The template half lacks the step split, the step train, the step evaluate, the step register, the key target_col, the key primary_metric: write the recipe for stars by hand. Try `recipe init --help`.',
    );
    expect(await init(rig, 'stars', 'ours')).toBe('regression, root_mean_squared_error');
    expect(await rig.read('recipe.yaml')).toMatch(/^template: ours /m);
  });

  test.each([
    [
      'stars',
      'clasification/v1',
      '2 TEMPLATE_NOT_FOUND: There is no template clasification/v1. Did you mean classification/v1?',
    ],
    [
      'stars',
      '../x',
      '2 TEMPLATE_NOT_FOUND: There is no template ../x. Use one of classification/v1, regression/v1, or write templates/NAME.yaml.',
    ],
    [
      'letter',
      'regression/v1',
      '1 TARGET_NOT_NUMERIC: The target letter is text, but a regression predicts numbers. Use template: classification/v1, or another target_col.',
    ],
  ])('%s as %s is refused', async (target, template, expected) => {
    await using rig = await CliRig.create({ 'd.csv': CSV });
    expect(await init(rig, target, template)).toBe(expected);
  });
});
