import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';

/** More than are started by the driver itself, so that the process that starts programs takes part. */
const MANY = Array.from({ length: 12 }, (_, n) => `s${n}`);

function recipeOf(run: string): string {
  const steps = MANY.map(
    (name) => `  ${name}:\n    run: ${run}\n    outputs: { o: o.txt }\n    env: { NAME: ${name} }`,
  );
  return `steps:\n${steps.join('\n')}\n`;
}

test('each of many programs has its own output, in its own log', async () => {
  await using rig = await CliRig.create({
    'recipe.yaml': recipeOf('echo "of $NAME"; echo "error of $NAME" > /dev/stderr; touch "$OUT_o"'),
  });
  expect(new Set(Object.values(await rig.run('-j', '4')))).toEqual(new Set(['succeeded']));
  for (const name of MANY) {
    const { out } = await rig.recipe('logs', `:${name}`);
    expect(out.split('\n').toSorted()).toEqual(['', `error of ${name}`, `of ${name}`]);
  }
});

test('a program that is missing is said to be, whoever starts it', async () => {
  await using rig = await CliRig.create({ 'recipe.yaml': recipeOf('[no-such-program, "{{ outputs.o }}"]') });
  const events = await rig.events('-k');
  const failures = events.flatMap((event) => (event.type === 'step.failed' ? [event.failure] : []));
  expect(failures).toHaveLength(MANY.length);
  for (const failure of failures)
    expect(failure).toMatchObject({ reason: 'infra', detail: expect.stringContaining('no-such-program') });
});

test('what leaves its process group does not hold the step, and its pipe is not used again', async () => {
  await using rig = await CliRig.create({
    'recipe.yaml': recipeOf('setsid sh -c "sleep 20; echo late" & touch "$OUT_o"; echo "of $NAME"'),
  });
  const events = await rig.events('-j', '12');
  expect(events.at(-1)).toMatchObject({ type: 'run.finished', outcome: 'succeeded' });
  const { out } = await rig.recipe('logs', ':s3');
  expect(out).toBe('of s3\n');
});

test('nothing is left of the pipes', async () => {
  await using rig = await CliRig.create({ 'recipe.yaml': recipeOf('touch "$OUT_o"') });
  await rig.run();
  expect(await readdir(join(rig.dir, '.stockpot/attempts'))).toEqual([]);
});
