import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, createReadStream, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { FleetRig, type WorkerProcess } from '../test/rigs/fleet-rig.ts';
import { FollowedRun } from '../test/rigs/followed-run.ts';
import { RedisRig } from '../test/rigs/redis-rig.ts';
import { quantile } from './load.ts';

/**
 * From the SIGKILL of a worker to its step's program running on another, with the settings that are shipped:
 * `npm run bench:fleet-kills -- [--kills N]`. Four steps run at a time and are killed once each, at any moment between two
 * signs of life; there is always a worker that has nothing to do.
 */
const { values } = parseArgs({ options: { kills: { type: 'string', default: '50' } } });
const KILLS = Number(values.kills);
const AT_ONCE = 4;
const WORKERS = 2 * AT_ONCE;
/** A worker gives a sign of life each third of a lock of 6 s. */
const SIGN_MS = 2000;

const missing = await RedisRig.missing();
if (missing !== undefined) throw new Error(missing);

await using fleet = await FleetRig.start('--appendonly', 'yes');
const workers = new Map<number, WorkerProcess>();
const begin = async (): Promise<void> => {
  const worker = await fleet.worker('--concurrency', '1');
  workers.set(worker.pid, worker);
};
for (let n = 0; n < WORKERS; n += 1) await begin();

const begun = join(fleet.dir, 'begun');
execFileSync('mkfifo', [begun]);
// One that may write, so that the pipe does not end before all have.
const pipe = openSync(begun, 'r+');
const list = Array.from({ length: KILLS }, (_, n) => n).join(', ');
// The first start of a cell goes on until it is killed, the second one has nothing to do.
const program = `echo {{ matrix.i }} $$ > ${begun}; mkdir ${fleet.dir}/started-{{ matrix.i }} && exec sleep 1000; true`;
const rig = await fleet.project({
  'recipe.yaml': `steps: { a: { matrix: { i: [${list}] }, run: [sh, -c, '${program}'] } }\n`,
});

const killedAt = new Map<number, number>();
const latencies: number[] = [];
const lines = createInterface({ input: createReadStream(begun) });
const ended = once(lines, 'close');
lines.on('line', (line) => {
  const [cell = 0, pid = 0] = line.split(' ').map(Number);
  const at = killedAt.get(cell);
  if (at === undefined) void killWorkerOf(cell, pid);
  else {
    latencies.push(performance.now() - at);
    if (latencies.length === KILLS) closeSync(pipe);
  }
});

async function killWorkerOf(cell: number, pid: number): Promise<void> {
  await sleep(Math.random() * SIGN_MS);
  const worker = workerOf(pid);
  killedAt.set(cell, performance.now());
  process.kill(worker.pid, 'SIGKILL');
  process.kill(pid, 'SIGKILL');
  workers.delete(worker.pid);
  await begin();
}

/** The worker above a program. */
function workerOf(pid: number): WorkerProcess {
  for (let at = pid; at > 1; at = parentOf(at)) {
    const worker = workers.get(at);
    if (worker !== undefined) return worker;
  }
  throw new Error(`no worker runs ${pid}`);
}

function parentOf(pid: number): number {
  return Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

const run = new FollowedRun(rig, '-p', 'fleet', '--jobs', String(AT_ONCE));
await ended;
const { exit, events } = await run.end();
const done = events.filter(({ type }) => type === 'step.succeeded').length;
if (exit !== 0 || done !== KILLS) throw new Error(`the run ended with ${exit}, ${done} of ${KILLS} steps`);
console.log({
  kills: latencies.length,
  p50Ms: Math.round(quantile(latencies, 0.5)),
  p99Ms: Math.round(quantile(latencies, 0.99)),
  leastMs: Math.round(Math.min(...latencies)),
});
