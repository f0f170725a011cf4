import { globSync } from 'node:fs';
import { appendFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FAILPOINTS } from '../../src/core/failpoint.ts';
import { checkHome } from '../rigs/check-home.ts';
import { CliRig } from '../rigs/cli-rig.ts';
import { CrashRig } from '../rigs/crash-rig.ts';

const RECIPE = `steps:
  one: { run: "echo 1 > $OUT_x", outputs: { x: x.txt } }
  two: { run: "cat $IN_x > $OUT_y", inputs: { x: one.x }, outputs: { y: y.txt } }
`;

/** What only a step with an effect comes to. */
const OF_EFFECTS = /^(?:registry|alias|effect)\./;

describe('kill -9 of the driver, then the same command', () => {
  test.each(FAILPOINTS.filter((name) => !/^(?:close|gc)\./.test(name)))(
    'at %s: what was finished is not repeated, all ends once, nothing torn is read',
    async (name) => {
      await using rig = await CrashRig.create();
      const registers = OF_EFFECTS.test(name);
      await rig.change(0, { registers });
      expect((await rig.crash(name)).signal).toBe('SIGKILL');
      const { steps, violations } = await rig.recover({ orphan: name === 'attempt.before-record' });
      expect(violations).toEqual([]);
      expect(Object.keys(steps)).toEqual(registers ? ['make', 'use', 'register'] : ['make', 'use']);
      if (registers) expect(rig.registered).toEqual({ versions: 1, champion: 1 });
    },
  );

  test.each(FAILPOINTS.filter((name) => name.startsWith('close.')))(
    'at %s, while the run that was cut off is closed: it is closed once',
    async (name) => {
      await using rig = await CrashRig.create();
      await rig.change(0, { registers: false });
      await rig.crash('attempt.published');
      // The crash came while a line was being written.
      const [journal = ''] = globSync('runs/*/events-1.jsonl', { cwd: rig.home });
      await appendFile(join(rig.home, journal), '{"type":"step.succ');
      expect((await rig.crash(name)).signal).toBe('SIGKILL');
      expect((await rig.recover()).violations).toEqual([]);
    },
  );

  test.each(FAILPOINTS.filter((name) => name.startsWith('gc.')))(
    'at %s: what gc leaves is whole',
    async (name) => {
      await using rig = await CrashRig.create();
      await rig.cli.run();
      // What it is to keep of each step is a cache too: without it, all but the registered model may go.
      await rm(join(rig.home, 'index.db'));
      const killed = await rig.crash(name, 'cache', 'gc', '--max-size', '0B');
      expect(killed.signal).toBe('SIGKILL');
      expect(checkHome(rig.home)).toEqual([]);
      expect((await rig.cli.recipe('cache', 'gc', '--max-size', '0B')).exit).toBe(0);
      expect((await rig.recover({ collected: true })).violations).toEqual([]);
      expect(rig.registered).toEqual({ versions: 1, champion: 1 });
    },
  );

  test('before it is tracked what it gave: gc leaves that, as the next command tracks it', async () => {
    await using rig = await CrashRig.create();
    await rig.change(0, { registers: false });
    expect((await rig.crash('pin.before-rename')).signal).toBe('SIGKILL');
    await rm(join(rig.home, 'index.db'));
    expect((await rig.cli.recipe('cache', 'gc', '--max-size', '0B')).exit).toBe(0);
    await rig.change(1, { registers: false });
    expect((await rig.recover()).violations).toEqual([]);
  });
});

describe('what a dead driver left running', () => {
  test.each(['attempt.before-record', 'attempt.after-exit'])(
    'at %s: the next command ends it, its background processes too',
    async (name) => {
      await using rig = await CliRig.create({
        'recipe.yaml': `steps:
  lasting: { run: "sleep 600 & echo 1 > $OUT_x; \${WAIT}", outputs: { x: x.txt }, env: { WAIT: "${name === 'attempt.before-record' ? 'wait' : 'true'}" } }
`,
      });
      rig.env['STOCKPOT_FAILPOINT'] = name;
      expect((await rig.recipe('run')).signal).toBe('SIGKILL');
      delete rig.env['STOCKPOT_FAILPOINT'];
      await rig.write('recipe.yaml', 'steps:\n  quick: { run: "echo 1 > $OUT_x", outputs: { x: x.txt } }\n');
      await rig.run();
      expect(checkHome(join(rig.dir, '.stockpot'))).toEqual([]);
    },
  );
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
