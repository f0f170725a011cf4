import { describe, expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';

const RECIPE = `steps:
  one: { run: "echo 1 > $OUT_x", outputs: { x: x.txt } }
  two: { run: "cat $IN_x > $OUT_y", inputs: { x: one.x }, outputs: { y: y.txt } }
`;

const FAILPOINTS = [
  'journal.before-write',
  'journal.after-sync',
  'attempt.after-exit',
  'blob.before-rename',
  'blob.after-rename',
  'result.before-fsync',
  'result.before-link',
  'result.after-link',
  'tracking.before-write',
  'tracking.before-commit',
  'tracking.after-commit',
];

describe('kill -9 of the driver, then the same command', () => {
  test.each(FAILPOINTS)('at %s: what was finished is not repeated, nothing torn is read', async (name) => {
    await using rig = await CliRig.create({ 'recipe.yaml': RECIPE });
    for (const nth of [1, 2]) {
      rig.env['STOCKPOT_FAILPOINT'] = `${name}@${nth}`;
      const killed = await rig.recipe('run');
      expect([killed.signal, killed.exit]).toContain(killed.signal === undefined ? 0 : 'SIGKILL');
    }
    delete rig.env['STOCKPOT_FAILPOINT'];
    expect(Object.values(await rig.run()).every((kind) => kind === 'succeeded' || kind === 'cached')).toBe(
      true,
    );
    expect(await rig.run()).toEqual({ one: 'cached', two: 'cached' });
    const check = await rig.recipe('cache', 'fsck', '--json');
    expect(JSON.parse(check.out).findings).toEqual([]);
  });
});

describe('a damaged store', () => {
  test('a flipped bit is found by fsck, and the step runs again', async () => {
    await using rig = await CliRig.create({ 'recipe.yaml': RECIPE });
    await rig.run();
    const { execa } = await import('execa');
    const blob = await execa('grep', ['-rlx', '1', '.stockpot/cache/cas'], { cwd: rig.dir });
    const path = blob.stdout.split('\n')[0] ?? '';
    await execa('chmod', ['u+w', path], { cwd: rig.dir });
    await rig.write(path, '2\n');
    const check = await rig.recipe('cache', 'fsck');
    expect(check.exit).toBe(1);
    expect(check.out).toContain('corrupt blob');
    expect(await rig.run()).toMatchObject({ one: 'succeeded' });
    expect(await rig.run()).toEqual({ one: 'cached', two: 'cached' });
  });

  test('a result that is torn counts as none', async () => {
    await using rig = await CliRig.create({ 'recipe.yaml': RECIPE });
    await rig.run();
    const { execa } = await import('execa');
    const results = await execa('find', ['.stockpot/cache/results', '-type', 'f'], { cwd: rig.dir });
    for (const path of results.stdout.split('\n')) await rig.write(path, '{"v":1,"finger');
    expect(await rig.run()).toEqual({ one: 'succeeded', two: 'succeeded' });
  });
});
