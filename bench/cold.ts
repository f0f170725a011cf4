import { spawn, spawnSync } from 'node:child_process';
import { closeSync, fsyncSync, mkdtempSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeProject } from './make-project.ts';

/**
 * What Stockpot adds to a step that does nothing: a first run of 1,000, less 1,000 bare processes two at a
 * time, less as many files written, synced and renamed. Medians of 3.
 */
const BIN = join(import.meta.dirname, '../bin/recipe.js');
const STEPS = 1000;

const wall = await median(async () =>
  inTemporary(async (dir) => {
    makeProject(dir, STEPS, 1);
    const { status } = spawnSync(process.execPath, [BIN, 'run', '-j', '2'], { cwd: dir, stdio: 'ignore' });
    if (status !== 0) throw new Error(`the run exited with ${status}`);
  }),
);
const spawns = await median(async () =>
  inTemporary(async (dir) => {
    let next = 0;
    const lane = async (): Promise<void> => {
      while (next < STEPS) {
        const child = spawn('touch', [join(dir, String((next += 1)))], { stdio: ['ignore', 'pipe', 'pipe'] });
        await new Promise((resolve) => child.once('close', resolve));
      }
    };
    await Promise.all([lane(), lane()]);
  }),
);
const writes = await median(async () =>
  inTemporary(async (dir) => {
    for (let n = 0; n < STEPS; n += 1) {
      const fd = openSync(join(dir, 'tmp'), 'w');
      writeSync(fd, 'x'.repeat(400));
      fsyncSync(fd);
      closeSync(fd);
      renameSync(join(dir, 'tmp'), join(dir, String(n)));
    }
  }),
);
console.log({ wall, spawns, writes, perStep: Number(((wall - spawns - writes) / STEPS).toFixed(2)) });

/** Milliseconds that `work` takes; making and removing the folder is in it for all three alike. */
async function inTemporary(work: (dir: string) => Promise<void>): Promise<number> {
  const dir = mkdtempSync(join(tmpdir(), 'bench-'));
  try {
    const started = performance.now();
    await work(dir);
    return Math.round(performance.now() - started);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

async function median(measure: () => Promise<number>): Promise<number> {
  const values = [await measure(), await measure(), await measure()];
  return values.toSorted((a, b) => a - b)[1] ?? 0;
}
