import { totalmem } from 'node:os';
import { expect, test } from 'vitest';
import type { StepFile } from '../../src/core/step-file.ts';
import { CliRig } from '../rigs/cli-rig.ts';
import { ON_TERMINAL } from '../rigs/on-terminal.ts';

const RECIPE = `steps:
  some: { run: 'cat "$STOCKPOT_STEP" > "$OUT_x"', resources: { memory: 1MB }, outputs: { x: x.json } }
  more: { seed: 2, run: 'cat "$STOCKPOT_STEP" > "$OUT_x"', resources: { memory: 900000GB }, outputs: { x: x.json } }
`;

test('a step that wants more memory than the machine has is given that, which the run says', async () => {
  await using rig = await CliRig.create({ 'recipes/main/recipe.yaml': RECIPE });
  const warnings = (await rig.events()).flatMap((event) =>
    event.type === 'step.report' && event.entry.type === 'warning' ? [[event.step, event.entry.message]] : [],
  );
  expect(warnings).toEqual([
    [
      'more',
      expect.stringMatching(
        /^resources\.memory is 900000\.0 GB, and this machine has \d+\.\d GB: the step is given that$/,
      ),
    ],
  ]);
  const given = async (step: string): Promise<number> => {
    const text = await rig.read(`.stockpot/latest/main/${step}/x.json`);
    return (JSON.parse(text) as StepFile).memoryBytes ?? 0;
  };
  expect(await given('some')).toBe(1_000_000);
  expect(await given('more')).toBeGreaterThan(1_000_000);
  expect(await given('more')).toBeLessThanOrEqual(totalmem());
});

test('a warning of a step stays on a terminal', async () => {
  await using rig = await CliRig.create({ 'recipes/main/recipe.yaml': RECIPE });
  rig.prefix = ON_TERMINAL;
  const { exit, out } = await rig.recipe('run');
  expect(exit).toBe(0);
  expect(out).toContain('more  warning: resources.memory is 900000.0 GB');
});
