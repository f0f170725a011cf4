import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeProject } from './make-project.ts';

/**
 * What Stockpot adds to a step that does nothing: a first run of 1,000, less 1,000 bare processes, less as
 * many files written, synced and renamed, all of them two at a time. The three are measured in turn, as a
 * disk's mood lasts for seconds; medians of 5 rounds.
 */
const BIN = join(import.meta.dirname, '../bin/recipe.js');
const STEPS = 1000;
const ROUNDS = 5;

const used: string[] = [];
const rounds: { wall: number; spawns: number; writes: number; perStep: number }[] = [];
for (let round = 0; round < ROUNDS; round += 1) {
  const [wall, spawns, writes] = [
    await inTemporary(run),
    await inTemporary(spawnAll),
    await inTemporary(writeAll),
  ];
  rounds.push({ wall, spawns, writes, perStep: (wall - spawns - writes) / STEPS });
}
for (const dir of used) rmSync(dir, { recursive: true });
console.table(rounds);
console.log(
  Object.fromEntries(
    (['wall', 'spawns', 'writes', 'perStep'] as const).map((key) => [
      key,
      median(rounds.map((one) => one[key])),
    ]),
  ),
);

async function run(dir: string): Promise<number> {
  makeProject(dir, STEPS, 1);
  const started = performance.now();
  const { status } = spawnSync(process.execPath, [BIN, 'run', '-j', '2'], { cwd: dir, stdio: 'ignore' });
  if (status !== 0) throw new Error(`the run exited with ${status}`);
  return performance.now() - started;
}

async function spawnAll(dir: string): Promise<number> {
  return twoLanes(async (_, target) => {
    const child = spawn('touch', [join(dir, target)], { stdio: ['ignore', 'pipe', 'pipe'] });
    await new Promise((resolve) => child.once('close', resolve));
  });
}

async function writeAll(dir: string): Promise<number> {
  return twoLanes(async (lane, target) => {
    await using file = await open(join(dir, lane), 'w');
    await file.write('x'.repeat(400));
    await file.sync();
    await rename(join(dir, lane), join(dir, target));
  });
}

/** Milliseconds for `STEPS` pieces of work, two at a time. */
async function twoLanes(work: (lane: string, target: string) => Promise<void>): Promise<number> {
  let next = 0;
  const lane = async (name: string): Promise<void> => {
    while (next < STEPS) {
      next += 1;
      await work(name, String(next));
    }
  };
  const started = performance.now();
  await Promise.all([lane('a'), lane('b')]);
  return performance.now() - started;
}

async function inTemporary(measure: (dir: string) => Promise<number>): Promise<number> {
  const dir = mkdtempSync(join(tmpdir(), 'bench-'));
  used.push(dir);
  spawnSync('sync');
  return Math.round(await measure(dir));
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
