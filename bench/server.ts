import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * The tracking server beside MLflow's own, both on SQLite, under the same load from this process:
 * `npm run bench:server -- PYTHON` with a Python that has MLflow. One at a time, ours first; each on an
 * empty database in a folder of its own. MLflow runs with as many workers as it does by itself.
 */
const BIN = join(import.meta.dirname, '../bin/recipe.js');
const SECONDS = 5;
const CLIENTS = 16;
const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });

interface Contender {
  readonly name: string;
  readonly argv: (port: number) => readonly string[];
}

const python = process.argv[2];
const contenders: readonly Contender[] = [
  { name: 'stockpot', argv: (port) => [process.execPath, BIN, 'server', '--port', String(port)] },
  ...(python === undefined
    ? []
    : [
        {
          name: 'mlflow',
          argv: (port: number) =>
            [python, '-m', 'mlflow', 'server'].concat(
              '--port',
              String(port),
              '--backend-store-uri',
              'sqlite:///mlflow.db',
            ),
        },
      ]),
];

for (const { name, argv } of contenders) {
  const dir = mkdtempSync(join(tmpdir(), 'bench-'));
  const port = await freePort();
  const [program = '', ...args] = argv(port);
  const started = performance.now();
  const server = spawn(program, args, { cwd: dir, stdio: 'ignore', detached: true });
  try {
    while (!(await isReady(port))) await new Promise((resolve) => setTimeout(resolve, 5));
    const readyMs = Math.round(performance.now() - started);
    const idleMiB = memoryOf(server.pid ?? 0);
    const run = await newRun(port);
    const latencies: number[] = [];
    await load(1, async (n) => {
      const before = performance.now();
      await logMetric(port, run, n);
      latencies.push(performance.now() - before);
    });
    const metricsPerSecond = await load(CLIENTS, (n) => logMetric(port, run, n));
    const runsPerSecond = await load(CLIENTS, async () => {
      const id = await newRun(port);
      const metrics = Array.from({ length: 100 }, (_, step) => ({
        key: `m${step}`,
        value: step,
        timestamp: 1,
        step,
      }));
      await post(port, 'runs/log-batch', { run_id: id, metrics });
      await post(port, 'runs/update', { run_id: id, status: 'FINISHED', end_time: 2 });
    });
    console.log({
      name,
      readyMs,
      idleMiB,
      logMetricP50Ms: Number((latencies.toSorted((a, b) => a - b)[latencies.length >> 1] ?? 0).toFixed(2)),
      logMetricPerSecond: Math.round(metricsPerSecond),
      wholeRunsPerSecond: Number(runsPerSecond.toFixed(1)),
    });
  } finally {
    if (server.pid !== undefined) process.kill(-server.pid, 'SIGKILL');
    await new Promise((resolve) => server.once('exit', resolve));
    rmSync(dir, { recursive: true, force: true });
  }
}

async function newRun(port: number): Promise<string> {
  const { run } = (await post(port, 'runs/create', { experiment_id: '0', start_time: 1 })) as {
    run: { info: { run_id: string } };
  };
  return run.info.run_id;
}

async function logMetric(port: number, run_id: string, step: number): Promise<void> {
  await post(port, 'runs/log-metric', { run_id, key: 'm', value: step, timestamp: 1, step });
}

/** So many lanes of `work` for some seconds; gives how often it was done in one. */
async function load(lanes: number, work: (n: number) => Promise<void>): Promise<number> {
  const started = performance.now();
  let count = 0;
  const lane = async (): Promise<void> => {
    while (performance.now() - started < SECONDS * 1000) {
      count += 1;
      await work(count);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return count / ((performance.now() - started) / 1000);
}

async function post(port: number, path: string, body: object): Promise<unknown> {
  const text = JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        agent,
        host: '127.0.0.1',
        port,
        path: `/api/2.0/mlflow/${path}`,
        method: 'POST',
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) },
      },
      (response) => {
        let answer = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          answer += chunk;
        });
        response.on('end', () =>
          response.statusCode === 200
            ? resolve(JSON.parse(answer))
            : reject(new Error(`${path}: ${response.statusCode} ${answer.slice(0, 200)}`)),
        );
      },
    );
    sent.on('error', reject).end(text);
  });
}

async function isReady(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/health`).then(
    ({ ok }) => ok,
    () => false,
  );
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => probe.once('listening', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

/** Resident MiB of a process and all below it. */
function memoryOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const own = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  const below = children === '' ? [] : children.split(' ').map((child) => memoryOf(Number(child)));
  return Math.round(own + below.reduce((a, b) => a + b, 0));
}
