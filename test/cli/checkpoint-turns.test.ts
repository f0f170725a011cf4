import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';

test('steps that are never cached take turns at the checkpoint that they share', async () => {
  const run = `mkdir "$CHECKPOINT/mine"; echo x > "$OUT_x"; rmdir "$CHECKPOINT/mine"`;
  await using rig = await CliRig.create({
    'recipe.yaml': `steps:
  a: { run: '${run}', checkpoint: true, cache: never, outputs: { x: x.txt } }
  b: { run: '${run}', checkpoint: true, cache: never, outputs: { x: x.txt } }
`,
  });
  const events = await rig.events('-j', '2');
  expect(events.filter(({ type }) => type === 'step.succeeded')).toHaveLength(2);
  expect(events).toContainEqual(expect.objectContaining({ type: 'step.waiting', reason: 'single-flight' }));
});

test('the list of the cache counts checkpoints while there are any', async () => {
  await using rig = await CliRig.create({
    'recipe.yaml': `steps:
  a: { run: 'test -e "$CHECKPOINT/half" || { printf 12345 > "$CHECKPOINT/half"; exit 1; }', checkpoint: true }
`,
  });
  const counted = async (): Promise<unknown> => {
    const { out } = await rig.recipe('cache', 'list', '--json');
    return (JSON.parse(out) as { checkpoints: unknown }).checkpoints;
  };
  expect(await rig.run()).toEqual({ a: 'failed' });
  expect(await counted()).toEqual({ count: 1, bytes: 5 });
  expect((await rig.recipe('cache', 'list')).out).toContain('1 checkpoints, 5 B beside it\n');
  expect(await rig.run()).toEqual({ a: 'succeeded' });
  expect(await counted()).toEqual({ count: 0, bytes: 0 });
});

test('what a driver that died left of a task that had succeeded is not gone on from', async () => {
  await using rig = await CliRig.create({
    'recipe.yaml': `steps:
  a: { run: 'test ! -e "$CHECKPOINT/half" || echo goes on; echo x > "$CHECKPOINT/half"; test ! -e "$D/broken"', checkpoint: true, cache: never, pass_env: D }
`,
    broken: '',
  });
  rig.env['D'] = rig.dir;
  const [checkpoints, kept] = [join(rig.dir, '.stockpot/checkpoints'), join(rig.dir, 'kept')];
  const goesOn = async (): Promise<boolean> =>
    (await rig.events()).some((event) => event.type === 'step.output' && event.text === 'goes on\n');
  expect(await goesOn()).toBe(false);
  // With its times.
  await execa('cp', ['-a', checkpoints, kept]);
  rmSync(join(rig.dir, 'broken'));
  expect(await goesOn()).toBe(true);
  await execa('cp', ['-a', `${kept}/.`, checkpoints]);
  expect(await goesOn()).toBe(false);
});
