import { existsSync, globSync } from 'node:fs';
import { mkdir, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkHome } from '../rigs/check-home.ts';
import { CliRig } from '../rigs/cli-rig.ts';

const RECIPE = `params: { n: 0 }
steps:
  big: { run: [bash, -c, 'head -c 100000 /dev/zero | tr "\\\\0" "$1" > "$2"', x, "{{ params.n }}", "{{ outputs.o }}"], outputs: { o: o.bin } }
`;

const LONG_AGO = new Date(Date.now() - 8 * 86_400_000);

/** The folder of a flight that was begun more than a week ago. */
async function oldFlight(rig: CliRig): Promise<string> {
  const folder = join(rig.dir, '.stockpot/cache/flights', 'a'.repeat(64), '0'.repeat(32));
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'start-1'), 'worker');
  await utimes(folder, LONG_AGO, LONG_AGO);
  return folder;
}

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

  test('takes flights of a fleet that are over a week old, and says how many', async () => {
    await using rig = await CliRig.create({ 'recipe.yaml': RECIPE });
    await rig.run();
    const old = await oldFlight(rig);
    const dry = await rig.recipe('cache', 'gc', '--dry-run');
    expect(dry.out).toMatch(/^would remove 0 results and 0 blobs: .*, and 1 flights of more than a week\n$/);
    expect(existsSync(old)).toBe(true);
    const { out } = await rig.recipe('cache', 'gc', '--json');
    expect([JSON.parse(out), existsSync(old)]).toMatchObject([{ results: 0, blobs: 0, flights: 1 }, false]);
    expect((await rig.recipe('cache', 'gc')).out).not.toContain('flights');
  });

  test('once a day takes old flights, however small the cache is', async () => {
    await using rig = await CliRig.create({ 'recipe.yaml': RECIPE });
    await rig.run();
    const old = await oldFlight(rig);
    await rig.run();
    expect(existsSync(old)).toBe(true);
    await utimes(join(rig.dir, '.stockpot/last-gc'), LONG_AGO, LONG_AGO);
    await rig.run();
    expect(existsSync(old)).toBe(false);
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
