import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { RunEvent } from '../../src/core/events.ts';
import { digestOf } from '../../src/store/hash.ts';
import { CliRig, outcomes } from '../rigs/cli-rig.ts';

/** Other bytes of the same length where a blob holds `text`. */
function damage(rig: CliRig, text: string): void {
  const digest = digestOf(text);
  const path = join(rig.dir, '.stockpot/cache/cas', digest.slice(0, 2), digest);
  chmodSync(path, 0o644);
  writeFileSync(path, text.replace(/^./, '#'));
}

const rewoundOf = (events: readonly RunEvent[]): string[] =>
  events.flatMap((event) => (event.type === 'step.rewound' ? [event.step] : []));

describe('a step that made a blob which is lost is executed again', () => {
  const folders = (word: string): string => `steps:
  make:
    matrix: { of: [1, 2, 3] }
    env: { OF: "{{ matrix.of }}" }
    run: 'mkdir "$OUT_dir"; echo "made $OF" > "$OUT_dir/x"'
    outputs: { dir: { path: dir, kind: directory } }
  use:
    run: 'cat "$IN_dirs"/*/x > "$OUT_y"; echo ${word} >> "$OUT_y"'
    inputs: { dirs: make.*.dir }
    outputs: { y: y }
`;

  test('the one whose folder lists it, of several that gave folders', async () => {
    await using rig = await CliRig.create({ 'recipe.yaml': folders('once') });
    await rig.run();
    damage(rig, 'made 2\n');
    await rig.write('recipe.yaml', folders('twice'));
    const events = await rig.events();
    expect(rewoundOf(events)).toEqual(['make@of=2']);
    expect(outcomes(events)).toEqual({
      'make@of=1': 'cached',
      'make@of=2': 'succeeded',
      'make@of=3': 'cached',
      use: 'succeeded',
    });
  });

  test('one after the other, if folders of two lost something', async () => {
    await using rig = await CliRig.create({ 'recipe.yaml': folders('once') });
    await rig.run();
    damage(rig, 'made 1\n');
    damage(rig, 'made 3\n');
    await rig.write('recipe.yaml', folders('twice'));
    const events = await rig.events();
    expect(rewoundOf(events).toSorted()).toEqual(['make@of=1', 'make@of=3']);
    expect(outcomes(events)).toEqual({
      'make@of=1': 'succeeded',
      'make@of=2': 'cached',
      'make@of=3': 'succeeded',
      use: 'succeeded',
    });
  });

  const fan = (word: string): string => `steps:
  make:
    run: 'echo made > "$OUT_x"'
    outputs: { x: x }
  use:
    matrix: { by: [1, 2, 3, 4] }
    run: 'cat "$IN_x" > "$OUT_y"; echo ${word} >> "$OUT_y"'
    inputs: { x: make.x }
    outputs: { y: y }
`;

  test('once, and all that miss it at the same time wait for it', async () => {
    await using rig = await CliRig.create({ 'recipe.yaml': fan('once') });
    await rig.run('--jobs', '4');
    damage(rig, 'made\n');
    await rig.write('recipe.yaml', fan('twice'));
    const events = await rig.events('--jobs', '4');
    expect(rewoundOf(events)).toEqual(['make']);
    expect(outcomes(events)).toEqual({
      make: 'succeeded',
      'use@by=1': 'succeeded',
      'use@by=2': 'succeeded',
      'use@by=3': 'succeeded',
      'use@by=4': 'succeeded',
    });
  });

  test('and if it fails then, what waited for it is skipped', async () => {
    const making = (command: string): string => fan('once').replace("'echo made", `'${command}; echo made`);
    await using rig = await CliRig.create();
    const gate = join(rig.dir, 'gate');
    await rig.write('recipe.yaml', making(`test ! -e ${gate}`));
    await rig.run('--jobs', '4');
    damage(rig, 'made\n');
    await rig.write('gate', '');
    await rig.write('recipe.yaml', making(`test ! -e ${gate}`).replaceAll('once', 'twice'));
    const events = await rig.events('--jobs', '4');
    const { make, ...uses } = outcomes(events);
    expect(make).toBe('failed');
    expect(Object.values(uses).filter((outcome) => outcome === 'succeeded' || outcome === 'cached')).toEqual(
      [],
    );
    expect(events.at(-1)).toMatchObject({ type: 'run.finished', outcome: 'failed' });
  });
});
