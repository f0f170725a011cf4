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

describe('a disk that is full', () => {
  test.runIf(process.getuid?.() === 0)(
    'ends the step or the run with a message, and the next run goes on',
    async () => {
      await using rig = await CliRig.create({
        'recipe.yaml': `steps:
  small: { run: "echo 1 > $OUT_x", outputs: { x: x.txt } }
  big: { run: "head -c 8000000 /dev/zero > $OUT_y", inputs: { x: small.x }, outputs: { y: y.bin } }
`,
      });
      const { execa } = await import('execa');
      await rig.write('disk/.keep', '');
      await execa('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', 'disk'], { cwd: rig.dir });
      try {
        rig.env['STOCKPOT_HOME'] = `${rig.dir}/disk/home`;
        const full = await rig.recipe('run');
        expect([1, 69]).toContain(full.exit);
        expect(full.out + full.err).toMatch(/No space left|ENOSPC|exited with code 1/);
        expect(full.err).not.toContain('    at ');
        await execa('mount', ['-o', 'remount,size=64m', 'disk'], { cwd: rig.dir });
        expect(await rig.run()).toEqual({ small: 'cached', big: 'succeeded' });
      } finally {
        await execa('umount', ['disk'], { cwd: rig.dir });
      }
    },
  );
});
