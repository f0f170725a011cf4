import { spawnSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeNinja } from './make-ninja.ts';
import { makeProject } from './make-project.ts';

/**
 * A run in which nothing has changed, tracking included, beside ninja on a graph of the same shape: the
 * limit of what looking at this many files takes. Medians of 5; `npm run bench:noop -- 100 1000`.
 */
const BIN = join(import.meta.dirname, '../bin/recipe.js');

for (const steps of process.argv.slice(2).map(Number)) {
  const dir = mkdtempSync(join(tmpdir(), 'bench-'));
  try {
    makeProject(dir, steps);
    const cold = time(dir, process.execPath, [BIN, 'run']);
    // What the first run wrote is young enough to be hashed again by the second.
    time(dir, process.execPath, [BIN, 'run']);
    const again = median(() => time(dir, process.execPath, [BIN, 'run']));
    appendFileSync(join(dir, 'recipe.yaml'), '# edited\n');
    const edited = time(dir, process.execPath, [BIN, 'run']);
    makeNinja(dir, steps);
    time(dir, 'ninja', ['-C', dir]);
    const ninja = median(() => time(dir, 'ninja', ['-C', dir]));
    console.log({ steps, cold, again, edited, ninja, timesNinja: Number((again / ninja).toFixed(1)) });
  } finally {
    rmSync(dir, { recursive: true });
  }
}

function time(cwd: string, program: string, args: readonly string[]): number {
  const started = performance.now();
  const { status, error } = spawnSync(program, args, { cwd, stdio: 'ignore' });
  if (error !== undefined || status !== 0) throw error ?? new Error(`${program} exited with ${status}`);
  return Math.round(performance.now() - started);
}

function median(measure: () => number): number {
  return Array.from({ length: 5 }, measure).toSorted((a, b) => a - b)[2] ?? 0;
}
