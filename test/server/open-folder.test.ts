import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { OpenFolder } from '../../src/server/open-folder.ts';

/** A folder with a folder `a` in it, and one outside that nobody is to reach. */
class Places implements Disposable {
  readonly #dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
  readonly root = join(this.#dir, 'root');
  readonly outside = join(this.#dir, 'outside');

  constructor() {
    mkdirSync(join(this.root, 'a'), { recursive: true });
    mkdirSync(this.outside);
  }

  [Symbol.dispose](): void {
    rmSync(this.#dir, { recursive: true });
  }
}

describe('a folder that is held open', () => {
  test('leads to folders below it, and makes those that are missing', async () => {
    using places = new Places();
    using root = OpenFolder.open(places.root);
    using a = root.at(['a']);
    expect(a?.entries()).toEqual([]);
    expect(root.at(['b', 'c'])).toBeUndefined();
    using c = await root.make(['b', 'c']);
    writeFileSync(c?.of('f') ?? '', 'x');
    expect(readFileSync(join(places.root, 'b/c/f'), 'utf8')).toBe('x');
  });

  test('leads through no link and no file, wherever it is', async () => {
    using places = new Places();
    symlinkSync(places.outside, join(places.root, 'out'));
    symlinkSync('a', join(places.root, 'in'));
    symlinkSync('nowhere', join(places.root, 'dangling'));
    writeFileSync(join(places.root, 'file'), '');
    using root = OpenFolder.open(places.root);
    for (const name of ['out', 'in', 'dangling', 'file'])
      for (const path of [[name], [name, 'x']]) {
        expect([path, root.at(path)]).toEqual([path, undefined]);
        expect([path, await root.make(path)]).toEqual([path, undefined]);
      }
    expect(readdirSync(places.outside)).toEqual([]);
  });

  test.each(['..', '.', '', 'a/b', '/'])('takes no %j for a name', async (name) => {
    using places = new Places();
    using root = OpenFolder.open(join(places.root, 'a'));
    expect(() => root.at([name])).toThrow('Internal error');
    await expect(root.make([name])).rejects.toThrow('Internal error');
  });

  // Other systems have no way to name what a process holds open.
  test.skipIf(!existsSync('/proc/self/fd'))(
    'stays what it was when somebody puts a link in its place',
    () => {
      using places = new Places();
      using root = OpenFolder.open(places.root);
      using a = root.at(['a']);
      renameSync(join(places.root, 'a'), join(places.root, 'moved'));
      symlinkSync(places.outside, join(places.root, 'a'));
      writeFileSync(a?.of('f') ?? '', 'x');
      expect(readdirSync(places.outside)).toEqual([]);
      expect(readdirSync(join(places.root, 'moved'))).toEqual(['f']);
    },
  );
});
