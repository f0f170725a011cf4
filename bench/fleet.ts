import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { FleetRig } from '../test/rigs/fleet-rig.ts';
import { FollowedRun } from '../test/rigs/followed-run.ts';
import { RedisRig } from '../test/rigs/redis-rig.ts';

/**
 * A matrix of cells that do nothing, and one that write 1 KB each, on four workers of one machine with a shared
 * folder; beside it Celery with as many processes on the same Redis, whose tasks start the same program:
 * `npm run bench:fleet -- [--cells N] [PYTHON]`, a Python that has celery and redis.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { cells: { type: 'string', default: '1000' } },
});
const CELLS = Number(values.cells);
const WORKERS = 4;

const missing = await RedisRig.missing();
if (missing !== undefined) throw new Error(missing);

await using fleet = await FleetRig.start('--appendonly', 'yes');
for (let n = 0; n < WORKERS; n += 1) await fleet.worker('--concurrency', '1');

const list = Array.from({ length: CELLS }, (_, n) => n).join(', ');
for (const [name, step] of [
  ['nothing', 'run: ["true", "{{ matrix.i }}"]'],
  [
    '1 KB each',
    `run: [sh, -c, 'head -c 1024 /dev/zero > "$OUT_x"; echo {{ matrix.i }} >> "$OUT_x"'], outputs: { x: x }`,
  ],
] as const) {
  const rig = await fleet.project({ 'recipe.yaml': `steps: { a: { matrix: { i: [${list}] }, ${step} } }\n` });
  const started = performance.now();
  const { exit, events } = await new FollowedRun(rig, '-p', 'fleet').end();
  const seconds = (performance.now() - started) / 1000;
  if (exit !== 0) throw new Error(`the run ended with ${exit}`);
  const done = events.filter(({ type }) => type === 'step.succeeded').length;
  console.log({ name, cells: done, seconds: round(seconds), perSecond: Math.round(done / seconds) });
}

const latencies: number[] = [];
const rig = await fleet.project({
  'recipe.yaml': `steps:\n${Array.from({ length: 60 }, (_, n) => `  s${n}: { run: [sh, -c, 'date +%s%N > "$OUT_x"; : ${n}'], outputs: { x: x }${n === 0 ? '' : `, inputs: { p: s${n - 1}.x }`} }`).join('\n')}\n`,
});
const { events } = await new FollowedRun(rig, '-p', 'fleet').end();
let readyAt = 0;
for (const event of events) {
  if (event.type === 'run.started') readyAt = event.at;
  if (event.type === 'step.started') latencies.push(event.at - readyAt);
  if (event.type === 'step.succeeded') readyAt = event.at;
}
latencies.shift();
latencies.sort((a, b) => a - b);
console.log({
  name: 'ready to started, one step at a time',
  p50Ms: latencies[Math.floor(latencies.length / 2)],
  worstMs: latencies.at(-1),
});

const [python] = positionals;
if (python !== undefined) {
  const dir = join(fleet.dir, 'celery');
  mkdirSync(dir);
  writeFileSync(
    join(dir, 'tasks.py'),
    `import subprocess
from celery import Celery
app = Celery("tasks", broker="${fleet.redis.url}/1", backend="${fleet.redis.url}/1")
app.conf.worker_prefetch_multiplier = 2

@app.task
def nothing(i):
    subprocess.run(["true", str(i)], check=True)
`,
  );
  writeFileSync(
    join(dir, 'drive.py'),
    `import subprocess, sys, time
from celery import group
from tasks import nothing
worker = subprocess.Popen([sys.executable, "-m", "celery", "-A", "tasks", "worker", "-c", "${WORKERS}", "-l", "error"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
try:
    nothing.delay(0).get(timeout=60)
    started = time.perf_counter()
    group(nothing.s(i) for i in range(${CELLS})).apply_async().get(timeout=300)
    print(round(time.perf_counter() - started, 2))
finally:
    worker.terminate()
    worker.wait()
`,
  );
  const { stdout, stderr, status } = spawnSync(python, ['drive.py'], { cwd: dir, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  console.log({ name: 'Celery, nothing', cells: CELLS, seconds: Number(stdout.trim()) });
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
