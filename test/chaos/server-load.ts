import { createHash } from 'node:crypto';
import type { ServerProcess } from '../rigs/server-process.ts';
import type { Random } from './random.ts';

const BATCH = 40;
const FILES = '/api/2.0/mlflow-artifacts/artifacts/0';

/** What clients were told is written, and what they were not told about. */
export class ServerLoad {
  /** Points of metrics, as `RUN KEY STEP`. */
  readonly #points: string[] = [];
  /** Batches as `RUN PREFIX`, and whether they were acknowledged. */
  readonly #batches = new Map<string, boolean>();
  readonly #versions: string[] = [];
  /** Digest of the last acknowledged bytes of each file. */
  readonly #files = new Map<string, string>();
  /** Digest of what was last sent for each file, acknowledged or not. */
  readonly #lastSent = new Map<string, string>();
  #lane = 0;

  get acknowledged(): number {
    return this.#points.length + this.#batches.size + this.#versions.length + this.#files.size;
  }

  /** Many clients at once, until the server is killed after some of their writes. */
  async until(server: ServerProcess, kill: number, random: Random): Promise<void> {
    const { run } = await server.api('runs/create', { experiment_id: '0' });
    const { run_id: id } = (run as { info: { run_id: string } }).info;
    let writes = 0;
    let isEnding = false;
    const client = async (write: (step: number) => Promise<void>): Promise<void> => {
      for (let step = 0; ; step += 1) {
        try {
          await write(step);
        } catch (error) {
          if (isEnding) return;
          throw error;
        }
        writes += 1;
        if (writes === kill) {
          isEnding = true;
          void server.end('SIGKILL');
        }
      }
    };
    const lanes = Array.from({ length: 3 }, () => `m${this.#lane++}`);
    await Promise.all([
      ...lanes.map((key) => client((step) => this.#point(server, id, key, step))),
      client((step) => this.#batch(server, id, `b${step}`)),
      client((step) => this.#batch(server, id, `c${step}`)),
      client(() => this.#version(server)),
      client(() => this.#version(server)),
      client((step) => this.#file(server, `f${step % 5}`, random)),
    ]);
  }

  /** What is missing, torn or twice; empty if all is as it was said to be. */
  async violations(server: ServerProcess): Promise<string[]> {
    const found: string[] = [];
    const runs = Map.groupBy(this.#points, (line) => line.split(' ').slice(0, 2).join(' '));
    for (const [key, lines] of runs) {
      const [run_id = '', metric_key = ''] = key.split(' ');
      const { metrics } = await server.api(`metrics/get-history?run_id=${run_id}&metric_key=${metric_key}`);
      const kept = new Set((metrics as { step: number }[]).map(({ step }) => `${key} ${step}`));
      found.push(...lines.filter((line) => !kept.has(line)).map((line) => `lost the point ${line}`));
    }
    for (const [run_id, batches] of Map.groupBy(this.#batches, ([key]) => key.split(' ')[0] ?? '')) {
      const { run } = await server.api(`runs/get?run_id=${run_id}`);
      const { data } = run as { data: { metrics?: { key: string }[]; params?: { key: string }[] } };
      for (const [key, isAcknowledged] of batches) {
        const prefix = `${key.split(' ')[1]}-`;
        const metrics = (data.metrics ?? []).filter((one) => one.key.startsWith(prefix)).length;
        const params = (data.params ?? []).filter((one) => one.key.startsWith(prefix)).length;
        const isWhole = metrics === BATCH && params === 1;
        if (!isWhole && (isAcknowledged || metrics + params > 0))
          found.push(`the batch ${key} has ${metrics} metrics and ${params} params`);
      }
    }
    const seen = new Set<string>();
    for (const version of this.#versions) {
      if (seen.has(version)) found.push(`the version ${version} was given twice`);
      seen.add(version);
      await server.api(`model-versions/get?name=m&version=${version}`).catch((error: Error) => {
        found.push(`lost the version ${version}: ${error.message}`);
      });
    }
    for (const [path, digest] of this.#files) {
      const response = await fetch(`${server.url}${FILES}/${path}`);
      const bytes = Buffer.from(await response.arrayBuffer());
      // The last write, if it was not acknowledged, may be there in its place, whole.
      const is = response.headers.get('etag')?.replaceAll('"', '');
      if (!response.ok || is !== sha256(bytes)) found.push(`the file ${path} is torn or lost`);
      else if (is !== digest && is !== this.#lastSent.get(path)) found.push(`the file ${path} went back`);
    }
    return found;
  }

  async #point(server: ServerProcess, run_id: string, key: string, step: number): Promise<void> {
    await server.api('runs/log-metric', { run_id, key, value: step, timestamp: 1, step });
    this.#points.push(`${run_id} ${key} ${step}`);
  }

  async #batch(server: ServerProcess, run_id: string, prefix: string): Promise<void> {
    const metrics = Array.from({ length: BATCH }, (_, n) => ({
      key: `${prefix}-${n}`,
      value: n,
      timestamp: 1,
      step: 0,
    }));
    this.#batches.set(`${run_id} ${prefix}`, false);
    await server.api('runs/log-batch', { run_id, metrics, params: [{ key: `${prefix}-p`, value: 'x' }] });
    this.#batches.set(`${run_id} ${prefix}`, true);
  }

  async #version(server: ServerProcess): Promise<void> {
    const { model_version } = await server.api('model-versions/create', { name: 'm', source: 's3://b/m' });
    this.#versions.push((model_version as { version: string }).version);
  }

  async #file(server: ServerProcess, path: string, random: Random): Promise<void> {
    const bytes = Buffer.alloc(100_000, `${random.below(1e9)}`);
    const digest = sha256(bytes);
    this.#lastSent.set(path, digest);
    const response = await fetch(`${server.url}${FILES}/${path}`, { method: 'PUT', body: bytes });
    if (!response.ok) throw new Error(`PUT ${path}: ${response.status}`);
    this.#files.set(path, digest);
  }
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
