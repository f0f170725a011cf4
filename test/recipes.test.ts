import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CliRig, outcomes } from './rigs/cli-rig.ts';

const RECIPES = join(import.meta.dirname, '../recipes');

async function projectWith(...names: string[]): Promise<CliRig> {
  const rig = await CliRig.create();
  for (const name of names) cpSync(join(RECIPES, name), join(rig.dir, 'recipes', name), { recursive: true });
  await rig.linkPackages();
  return rig;
}

describe('flight-delay, on three million flights', () => {
  test('runs, is cached, reruns what a value touches, and knows its champion', async () => {
    await using rig = await projectWith('flight-delay');
    const first = await rig.events('flight-delay', '-p', 'local');
    expect(Object.values(outcomes(first))).toEqual(Array.from({ length: 6 }, () => 'succeeded'));
    await rig.recipe('artifacts', 'get', 'flight-delay:evaluate.metrics', 'metrics.json');
    const { test_roc_auc: auc } = JSON.parse(await rig.read('metrics.json')) as { test_roc_auc: number };
    expect(auc).toBeGreaterThan(0.64);
    expect(auc).toBeLessThan(0.69);
    const again = await rig.recipe('run', 'flight-delay', '-p', 'local');
    expect(again.out).toMatch(/\n6 cached · [\w. ]+ · saved [\w. ]+\n$/);

    const changed = await rig.events('flight-delay', '-p', 'local', '-S', 'steps.train.learning_rate=0.05');
    expect(outcomes(changed)).toEqual({
      ingest: 'cached',
      split: 'cached',
      transform: 'cached',
      train: 'succeeded',
      evaluate: 'succeeded',
      register: 'succeeded',
    });
    const explained = await rig.recipe('explain', 'flight-delay:evaluate', '--json');
    expect(JSON.parse(explained.out).roots).toEqual([
      { step: 'train', kind: 'config', name: 'learning_rate', before: 0.1, after: 0.05 },
    ]);

    const back = await rig.events('flight-delay', '-p', 'local');
    expect(new Set(Object.values(outcomes(back)))).toEqual(new Set(['cached']));
    expect(back.find(({ type }) => type === 'effect.done')).toMatchObject({
      before: { version: '2' },
      after: { version: '1' },
    });

    // The first model becomes the champion: it is not judged anew, the other one is.
    await rig.recipe('models', 'promote', 'flight-delay@challenger');
    expect(outcomes(await rig.events('flight-delay', '-p', 'local'))).toMatchObject({
      evaluate: 'cached',
      register: 'cached',
    });
    expect(
      outcomes(await rig.events('flight-delay', '-p', 'local', '-S', 'steps.train.learning_rate=0.05')),
    ).toMatchObject({ train: 'cached', evaluate: 'succeeded' });
  }, 180_000);
});

describe('the small ones', () => {
  test('penguin-mass passes its gate', async () => {
    await using rig = await projectWith('penguin-mass');
    const { exit } = await rig.recipe('run', 'penguin-mass', '--require-validated');
    expect(exit).toBe(0);
    const page = await rig.recipe('card', 'penguin-mass:evaluate', '--output', 'card.html');
    expect(page.exit).toBe(0);
    const html = await rig.read('card.html');
    expect(html).toContain('VALIDATED');
    expect(html).not.toMatch(/<script|https?:\/\/(?!www\.w3\.org)/);
  });

  test('polyglot runs steps in four languages and a matrix', async () => {
    await using rig = await projectWith('polyglot');
    const events = await rig.events('polyglot');
    expect(outcomes(events)).toMatchObject({
      warmest: 'succeeded',
      'smooth@window=30': 'succeeded',
      report: 'succeeded',
    });
    const cached = outcomes(await rig.events('polyglot'));
    expect(new Set(Object.values(cached))).toEqual(new Set(['cached']));
    // A changed import of a step is a changed step.
    await rig.write(
      'recipes/polyglot/steps/monthly.sql',
      `${await rig.read('recipes/polyglot/steps/monthly.sql')}-- the same\n`,
    );
    expect(outcomes(await rig.events('polyglot'))).toMatchObject({ monthly: 'succeeded', warmest: 'cached' });
  });
});

describe('init', () => {
  test('an empty folder and a CSV become a registered model in two commands', async () => {
    const rows = Array.from(
      { length: 300 },
      (_, n) => `C${n},${(n * 37) % 100},x,"a, b",${(n * 37) % 100 > 50 ? 'yes' : 'no'}`,
    );
    await using rig = await CliRig.create({
      'churn.csv': `customer_id,"monthly, charge",const,note,churned\n${rows.join('\n')}\n`,
    });
    const made = await rig.recipe('init', '--data', 'churn.csv', '--target', 'churned', '--json');
    expect(JSON.parse(made.out)).toMatchObject({
      task: 'classification',
      metric: 'roc_auc',
      drop: [{ column: 'customer_id' }, { column: 'const' }, { column: 'note' }],
    });
    const events = await rig.events();
    expect(events.find(({ type }) => type === 'effect.done')).toMatchObject({
      after: { model: 'churn', version: '1' },
    });
    const unknown = await rig.recipe('init', '--data', 'churn.csv', '--target', 'churn');
    expect(unknown.exit).toBe(2);
  });
});
