import { globSync } from 'node:fs';
import { rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkHome } from '../rigs/check-home.ts';
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

  test('what a tracked run shows stays: models, metrics, values; what is large may go', async () => {
    await using rig = await CliRig.create({
      'recipe.yaml': `steps:
  all:
    run: |
      mkdir $OUT_model; echo "flavors: {}" > $OUT_model/MLmodel
      echo '{"auc": 0.9}' > $OUT_scores
      echo large > $OUT_rows
    outputs:
      model: { path: model, kind: model }
      scores: { path: scores.json, kind: metrics }
      rows: { path: rows.csv, kind: file }
`,
    });
    await rig.run();
    // What gc has to keep of each step stands there: without it, only pins keep anything.
    await rm(join(rig.dir, '.stockpot/index.db'));
    const { out } = await rig.recipe('cache', 'gc', '--max-size', '0B', '--json');
    expect(JSON.parse(out)).toMatchObject({ results: 1 });
    expect(checkHome(join(rig.dir, '.stockpot'))).toEqual([]);
    const left = globSync('.stockpot/cache/cas/??/*', { cwd: rig.dir });
    const texts = await Promise.all(left.map((path) => rig.read(path)));
    expect(texts).toContain('{"auc": 0.9}\n');
    expect(texts).toContain('flavors: {}\n');
    expect(texts).not.toContain('large\n');
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
