import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * How soon something is on the screen, beside Node itself doing nothing: the version, the first line of a
 * run, and the main job: its first run, and the run after that. Medians of 9, the first run once.
 */
const ROOT = join(import.meta.dirname, '..');
const BIN = join(ROOT, 'bin/recipe.js');
const RUN = [BIN, 'run', 'flight-delay', '-p', 'local'];
const ROUNDS = 9;

const dir = mkdtempSync(join(tmpdir(), 'bench-'));
try {
  cpSync(join(ROOT, 'recipes/flight-delay'), join(dir, 'recipes/flight-delay'), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(dir, 'node_modules'));
  const first = whole(RUN);
  whole(RUN);
  const firstLines: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) firstLines.push(await firstLine(RUN));
  console.log({
    node: median(() => whole(['-e', '0'])),
    version: median(() => whole([BIN, '--version'])),
    firstLine: firstLines.toSorted((a, b) => a - b)[ROUNDS >> 1],
    flightDelayFirst: first,
    flightDelayAgain: median(() => whole(RUN)),
  });
} finally {
  rmSync(dir, { recursive: true });
}

function whole(args: readonly string[]): number {
  const started = performance.now();
  const { status } = spawnSync(process.execPath, args, { cwd: dir, stdio: 'ignore' });
  if (status !== 0) throw new Error(`${args.join(' ')} exited with ${status}`);
  return Math.round(performance.now() - started);
}

async function firstLine(args: readonly string[]): Promise<number> {
  const started = performance.now();
  const child = spawn(process.execPath, args, { cwd: dir, stdio: ['ignore', 'pipe', 'ignore'] });
  await once(child.stdout, 'data');
  const ms = Math.round(performance.now() - started);
  await once(child, 'close');
  return ms;
}

function median(measure: () => number): number {
  return Array.from({ length: ROUNDS }, measure).toSorted((a, b) => a - b)[ROUNDS >> 1] ?? 0;
}
