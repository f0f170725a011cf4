import { existsSync, mkdirSync, mkdtempDisposableSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { SpentFolders } from '../../src/executors/fleet/spent-folders.ts';
import { StillClock } from '../rigs/still-clock.ts';

describe('folders of attempts that have ended', () => {
  let dir: ReturnType<typeof mkdtempDisposableSync>;
  let clock: StillClock;
  let spent: SpentFolders;
  beforeEach(() => {
    dir = mkdtempDisposableSync(join(tmpdir(), 'stockpot-'));
    clock = new StillClock();
    spent = new SpentFolders(clock);
  });
  afterEach(() => {
    spent[Symbol.dispose]();
    dir.remove();
  });

  function folder(name: string, file?: string, bytes = 10): string {
    const path = join(dir.path, name);
    mkdirSync(join(path, 'work'), { recursive: true });
    writeFileSync(join(path, 'step.json'), '{}');
    if (file !== undefined) writeFileSync(join(path, file), Buffer.alloc(bytes));
    return path;
  }

  /** Until what time brought about is done. */
  async function pass(ms: number): Promise<void> {
    await clock.pass(ms);
    await new Promise((resolve) => setImmediate(resolve));
  }

  test('are removed once a worker has had nothing to do for a second', async () => {
    const one = folder('one');
    spent.remove(one);
    await pass(600);
    const two = folder('two');
    spent.remove(two);
    await pass(600);
    expect([existsSync(one), existsSync(two)]).toEqual([true, true]);

    await pass(1000);

    expect([existsSync(one), existsSync(two)]).toEqual([false, false]);
  });

  test('are removed at once if a step left something in them', () => {
    const scratch = folder('one', 'work/scratch');
    const long = folder('two', 'log', 1 << 17);

    spent.remove(scratch);
    spent.remove(long);

    expect([existsSync(scratch), existsSync(long)]).toEqual([false, false]);
  });

  test('do not become more and more while a worker goes from task to task', () => {
    const all = Array.from({ length: 300 }, (_, n) => folder(String(n)));

    for (const one of all) spent.remove(one);

    expect(all.filter((one) => existsSync(one))).toHaveLength(44);
  });

  test('may have gone before', () => {
    const one = folder('one');
    rmSync(one, { recursive: true });

    expect(() => spent.remove(one)).not.toThrow();
  });

  test('are all removed when the worker ends', () => {
    const one = folder('one');
    spent.remove(one);

    spent[Symbol.dispose]();

    expect(existsSync(one)).toBe(false);
  });
});
