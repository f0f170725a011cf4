import { existsSync, readdirSync, rmSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CliRig, eventsOf } from '../rigs/cli-rig.ts';
import { TRAIN } from '../rigs/training-step.ts';

async function training(): Promise<CliRig> {
  const rig = await CliRig.create({ 'steps/train.ts': TRAIN, 'outside/epochs': '' });
  await rig.write(
    'recipes/main/recipe.yaml',
    `steps: { train: { uses: ./steps/train.ts, with: { outside: ${rig.dir}/outside }, checkpoint: true } }\n`,
  );
  await rig.linkPackages();
  return rig;
}

async function epochs(rig: CliRig): Promise<string> {
  return (await rig.read('outside/epochs')).trim().split('\n').join(' ');
}

/** Starts a run that waits after an epoch, and kills its driver there: what it left running the next command ends. */
async function killAt(rig: CliRig, epoch: number, ...args: string[]): Promise<void> {
  await rig.write(`outside/stop-${epoch}`, '');
  const child = rig.start('run', '--json', ...args);
  for await (const line of child.iterable({ from: 'stdout' }))
    if (line.includes(`epoch ${epoch}\\n`)) child.kill('SIGKILL');
  await child;
  rmSync(join(rig.dir, `outside/stop-${epoch}`));
}

describe('a checkpoint', () => {
  test('lets a training that is killed three times go on where it was, to the same model', async () => {
    await using rig = await training();
    for (const epoch of [3, 6, 7]) await killAt(rig, epoch);
    const { exit, out } = await rig.recipe('run', '--json');
    expect([exit, eventsOf(out).at(-1)?.type]).toEqual([0, 'run.finished']);
    expect(await epochs(rig)).toBe('1 2 3 4 5 6 7 8 9 10');
    expect(readdirSync(join(rig.dir, '.stockpot/checkpoints'))).toEqual([]);
    await using whole = await training();
    await whole.recipe('run');
    const model = (one: CliRig): Promise<string> =>
      one.recipe('artifacts', 'get', 'main:train', 'm.json').then(() => one.read('m.json'));
    expect(await model(rig)).toBe(await model(whole));
  });

  test('is of one task: with other code, or by --force, it begins anew', async () => {
    await using rig = await training();
    await killAt(rig, 2);
    await rig.write('steps/train.ts', `${TRAIN}// changed\n`);
    expect(await rig.run()).toEqual({ train: 'succeeded' });
    expect(await epochs(rig)).toBe('1 2 1 2 3 4 5 6 7 8 9 10');
    await rig.write('outside/epochs', '');
    await rig.write('steps/train.ts', TRAIN);
    expect(await rig.run('--force')).toEqual({ train: 'succeeded' });
    expect(await epochs(rig)).toBe('1 2 3 4 5 6 7 8 9 10');
  });

  test('is kept for a step that is never cached too', async () => {
    await using rig = await training();
    const recipe = await rig.read('recipes/main/recipe.yaml');
    await rig.write(
      'recipes/main/recipe.yaml',
      recipe.replace('checkpoint: true', 'checkpoint: true, cache: never'),
    );
    await killAt(rig, 4);
    expect(await rig.run()).toEqual({ train: 'succeeded' });
    expect(await epochs(rig)).toBe('1 2 3 4 5 6 7 8 9 10');
  });

  test('that nobody came back to for a week is removed', async () => {
    await using rig = await training();
    await killAt(rig, 2);
    const [name = ''] = readdirSync(join(rig.dir, '.stockpot/checkpoints'));
    const folder = join(rig.dir, '.stockpot/checkpoints', name);
    await rig.write('steps/train.ts', `${TRAIN}// changed\n`);
    await rig.run();
    expect(existsSync(folder)).toBe(true);
    const note = `.stockpot/saved-checkpoints/${name}`;
    await rig.write(note, '1');
    const old = new Date(Date.now() - 8 * 86_400_000);
    for (const path of [join(folder, 'state.json'), folder]) utimesSync(path, old, old);
    await rig.run();
    expect([existsSync(folder), existsSync(join(rig.dir, note))]).toEqual([false, false]);
  });
});

test('caches are folders of the machine that steps share, and in no key', async () => {
  await using rig = await CliRig.create({
    'recipe.yaml': `steps:
  a: { run: 'echo once > "$CACHE_hf/x"; echo a > "$OUT_a"', outputs: { a: a.txt }, caches: [hf] }
  b: { run: [cp, "{{ caches.hf }}/x", "{{ outputs.b }}"], inputs: { a: a.a }, outputs: { b: b.txt }, caches: [hf] }
`,
  });
  expect(await rig.run()).toEqual({ a: 'succeeded', b: 'succeeded' });
  expect(await rig.read('.stockpot/caches/hf/x')).toBe('once\n');
  await rig.write(
    'recipe.yaml',
    (await rig.read('recipe.yaml')).replace('caches: [hf] }\n  b', 'caches: [hf, more] }\n  b'),
  );
  expect(await rig.run()).toEqual({ a: 'cached', b: 'cached' });
});

test('an interrupted step has its grace to save what it has', async () => {
  await using rig = await CliRig.create({
    'recipes/main/recipe.yaml': `steps:
  a:
    run: 'trap "echo saved > $CHECKPOINT/state; exit 1" TERM; if [ -f "$CHECKPOINT/state" ]; then cp "$CHECKPOINT/state" "$OUT_a"; exit 0; fi; echo ready; while true; do sleep 0.05; done'
    outputs: { a: a.txt }
    checkpoint: true
    grace: 30s
`,
  });
  expect((await rig.interrupt(/ready/, 'SIGINT')).exit).toBe(130);
  expect(await rig.run()).toEqual({ a: 'succeeded' });
  await rig.recipe('artifacts', 'get', 'main:a', 'a.txt');
  expect(await rig.read('a.txt')).toBe('saved\n');
});
