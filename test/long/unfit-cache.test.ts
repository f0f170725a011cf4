import { mkdirSync, mkdtempDisposableSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';
import { freePort } from '../rigs/free-port.ts';

const RECIPE = `steps:
  make: { run: 'head -c 8000000 /dev/zero > "$OUT_rows"', outputs: { rows: rows.bin } }
  count: { run: 'wc -c < "$IN_rows" > "$OUT_bytes"', inputs: { rows: make.rows }, outputs: { bytes: bytes.txt } }
`;
const THERE = { make: 'cached', count: 'cached' };

async function checkout(remote: string, recipe = RECIPE): Promise<CliRig> {
  return CliRig.create({
    'recipes/main/recipe.yaml': recipe,
    'profiles/local.yaml': `cache: { remote: "${remote}", accept: any }\n`,
  });
}

/** What a run warns of, without what follows the problem. */
async function warningsOf(rig: CliRig): Promise<{ exit: number | undefined; warnings: string[] }> {
  const { exit, err } = await rig.recipe('run');
  return { exit, warnings: err.split('\n').filter((line) => line.startsWith('warning:')) };
}

/** A disk of 4 MB as long as the test goes on. */
class SmallDisk implements AsyncDisposable {
  readonly #folder = mkdtempDisposableSync(join(tmpdir(), 'stockpot-disk-'));
  readonly path = join(this.#folder.path, 'disk');

  static async mount(): Promise<SmallDisk> {
    const disk = new SmallDisk();
    mkdirSync(disk.path);
    await execa('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk.path]);
    return disk;
  }

  async change(options: 'size=64m' | 'ro' | 'rw'): Promise<void> {
    await execa('mount', ['-o', `remount,${options}`, this.path]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await execa('umount', ['-l', this.path]);
    this.#folder.remove();
  }
}

const isRoot = process.getuid?.() === 0;

describe.skipIf(!isRoot)(
  `a shared cache on a disk that is unfit${isRoot ? '' : ' (only root can mount a small one)'}`,
  () => {
    test('that is full costs a run one warning, and has all once there is room', async () => {
      await using disk = await SmallDisk.mount();
      await using here = await checkout(disk.path);
      await using there = await checkout(disk.path);
      expect(await warningsOf(here)).toEqual({
        exit: 0,
        warnings: [expect.stringMatching(/the remote cache is not used from here on: .*no space left/i)],
      });
      expect(await here.run()).toEqual(THERE);
      const pushed = await here.recipe('cache', 'push');
      expect(pushed.exit).toBe(69);
      expect(pushed.err).toMatch(/no space left/i);
      expect(readdirSync(join(disk.path, 'cas/tmp'))).toEqual([]);
      await disk.change('size=64m');
      expect((await here.recipe('cache', 'push')).exit).toBe(0);
      expect(await there.run()).toEqual(THERE);
    });

    test('that is read-only gives what it has, and takes nothing, which a run says once', async () => {
      await using disk = await SmallDisk.mount();
      await disk.change('size=64m');
      await using here = await checkout(disk.path);
      await using there = await checkout(disk.path, RECIPE.replace('wc -c', 'wc  -c'));
      await here.run();
      await disk.change('ro');
      expect(await warningsOf(there)).toEqual({
        exit: 0,
        warnings: [
          expect.stringMatching(/the remote cache is not used from here on: .*read-only file system/i),
        ],
      });
      expect(await there.run()).toEqual(THERE);
      expect((await there.recipe('cache', 'push')).err).toMatch(/read-only file system/i);
      await disk.change('rw');
      expect((await there.recipe('cache', 'push')).exit).toBe(0);
    });

    test('a machine without room for what it fetches says so, keeps the rest, and goes on when there is', async () => {
      using shared = mkdtempDisposableSync(join(tmpdir(), 'stockpot-shared-'));
      await using disk = await SmallDisk.mount();
      await using here = await checkout(shared.path);
      await using there = await checkout(shared.path, RECIPE.replace('wc -c', 'wc  -c'));
      await here.run();
      there.env['STOCKPOT_HOME'] = join(disk.path, 'home');
      const full = await there.recipe('run');
      expect(full.exit).toBe(1);
      expect(full.out).toMatch(/no space left/i);
      expect(full.err).not.toContain('    at ');
      // What it could not take fills the disk no longer.
      expect(readdirSync(join(disk.path, 'home/cache/cas/tmp'))).toEqual([]);
      const pulled = await there.recipe('cache', 'pull');
      expect(pulled.exit).toBe(69);
      expect(pulled.err).toMatch(/no space left/i);
      expect((await there.recipe('cache', 'fsck')).exit).toBe(0);
      await disk.change('size=64m');
      expect(await there.run()).toEqual({ make: 'cached', count: 'succeeded' });
    });
  },
);

describe('a shared cache that nobody answers for costs a run one warning', () => {
  test.each([
    ['a server', 'http://127.0.0.1:PORT'],
    ['S3', 's3://bucket/team'],
  ])('%s', async (_, address) => {
    const port = await freePort();
    await using here = await checkout(address.replace('PORT', String(port)));
    Object.assign(here.env, {
      AWS_ACCESS_KEY_ID: 'id',
      AWS_SECRET_ACCESS_KEY: 'secret',
      AWS_ENDPOINT_URL: `http://127.0.0.1:${port}`,
    });
    expect(await warningsOf(here)).toEqual({
      exit: 0,
      warnings: [expect.stringMatching(/the remote cache is not used from here on: .*ECONNREFUSED/)],
    });
    expect(await here.run()).toEqual(THERE);
    const pushed = await here.recipe('cache', 'push');
    expect({ exit: pushed.exit, err: pushed.err }).toEqual({
      exit: 69,
      err: expect.stringContaining('ECONNREFUSED'),
    });
  });
});
