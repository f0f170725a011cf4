import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Ingest, split and transform of three million flights, profiles included, beside pandas. `npm run bench:tables -- PYTHON` */
const ROOT = join(import.meta.dirname, '..');
const dir = mkdtempSync(join(tmpdir(), 'bench-'));
try {
  cpSync(join(ROOT, 'recipes/flight-delay'), join(dir, 'recipes/flight-delay'), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(dir, 'node_modules'));
  const { stdout, status } = spawnSync(
    process.execPath,
    [join(ROOT, 'bin/recipe.js'), 'run', '--json', '-p', 'full', '--until', 'transform'],
    {
      cwd: dir,
      encoding: 'utf8',
      maxBuffer: 1 << 26,
    },
  );
  if (status !== 0) throw new Error(`the run exited with ${status}`);
  const events = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string; step?: string; durationMs?: number });
  const ours = Object.fromEntries(
    events.flatMap((event) =>
      event.type === 'step.succeeded' ? [[event.step, Math.round(event.durationMs ?? 0)]] : [],
    ),
  );
  const whole = Math.round(events.at(-1)?.durationMs ?? 0);
  const peer = spawnSync(
    process.argv[2] ?? 'python3',
    [
      join(import.meta.dirname, 'tables_peer.py'),
      join(ROOT, 'node_modules/vega-datasets/data/flights-3m.parquet'),
      dir,
    ],
    { encoding: 'utf8' },
  );
  console.log({
    ...ours,
    whole,
    pandas: peer.status === 0 ? JSON.parse(peer.stdout) : peer.stderr.split('\n').at(-2),
  });
} finally {
  rmSync(dir, { recursive: true });
}
