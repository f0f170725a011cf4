import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Ingest, split and transform of three million flights, profiles included, beside pandas. `npm run bench:tables -- PYTHON` */
/** Runs a command; then says the most memory that any process below it ever had: that of a data step. */
const PEAK = `import resource, subprocess, sys
status = subprocess.run(sys.argv[1:]).returncode
print("peak", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024, file=sys.stderr)
sys.exit(status)`;
const ROOT = join(import.meta.dirname, '..');
const dir = mkdtempSync(join(tmpdir(), 'bench-'));
try {
  cpSync(join(ROOT, 'recipes/flight-delay'), join(dir, 'recipes/flight-delay'), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(dir, 'node_modules'));
  const python = process.argv[2] ?? 'python3';
  const { stdout, stderr, status } = spawnSync(
    python,
    [
      '-c',
      PEAK,
      process.execPath,
      join(ROOT, 'bin/recipe.js'),
      'run',
      '--json',
      '-p',
      'full',
      '--until',
      'transform',
    ],
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
    python,
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
    peak_mib: Number(/peak (\d+)$/.exec(stderr.trimEnd())?.[1]),
    pandas: peer.status === 0 ? JSON.parse(peer.stdout) : peer.stderr.split('\n').at(-2),
  });
} finally {
  rmSync(dir, { recursive: true });
}
