import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';

const RECIPE = `params: { n: 0 }
steps:
  big: { run: [bash, -c, 'head -c 100000 /dev/zero | tr "\\\\0" "$1" > "$2"', x, "{{ params.n }}", "{{ outputs.o }}"], outputs: { o: o.bin } }
`;

describe('gc', () => {
  test('removes the least recently used, keeps the last results of each step', async () => {
    await using rig = await CliRig.create({ 'recipe.yaml': RECIPE });
    for (const n of [1, 2, 3, 4, 5, 6, 7, 8]) await rig.run('-S', `params.n=${n}`);
    const dry = await rig.recipe('cache', 'gc', '--max-size', '300kB', '--dry-run', '--json');
    expect(JSON.parse(dry.out)).toMatchObject({ results: 3 });
    const { out } = await rig.recipe('cache', 'gc', '--max-size', '300kB', '--json');
    const { bytesBefore, bytesAfter, results } = JSON.parse(out) as Record<string, number>;
    expect(results).toBe(3);
    expect((bytesBefore ?? 0) - (bytesAfter ?? 0)).toBeGreaterThan(300_000);
    expect(await rig.run('-S', 'params.n=8')).toEqual({ big: 'cached' });
    expect(await rig.run('-S', 'params.n=1')).toEqual({ big: 'succeeded' });
    const check = await rig.recipe('cache', 'fsck', '--json');
    expect(JSON.parse(check.out).findings).toEqual([]);
  });

  test('happens by itself, once a day, down to the size that the profile allows', async () => {
    await using rig = await CliRig.create({
      'recipe.yaml': RECIPE,
      'profiles/local.yaml': 'cache: { max_size: 300kB }\n',
    });
    for (const n of [1, 2, 3, 4, 5, 6, 7]) await rig.run('-S', `params.n=${n}`);
    const yesterday = new Date(Date.now() - 2 * 86_400_000);
    await utimes(join(rig.dir, '.stockpot/last-gc'), yesterday, yesterday);
    await rig.run('-S', 'params.n=7');
    expect(await rig.run('-S', 'params.n=1')).toEqual({ big: 'succeeded' });
  });
});
