import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StepSucceeded } from '../src/core/events.ts';
import { FleetRig, type WorkerProcess } from '../test/rigs/fleet-rig.ts';
import { FollowedRun } from '../test/rigs/followed-run.ts';
import { PostgresRig } from '../test/rigs/postgres-rig.ts';
import { RedisRig } from '../test/rigs/redis-rig.ts';
import { S3Server } from '../test/rigs/s3-server.ts';
import { environmentOf } from '../test/rigs/shared-store.ts';
import { FollowedCalls } from './followed-calls.ts';
import { childNamed, processorTime } from './processor-time.ts';

/** What a cell does: nothing, or write an output of 1 KB. */
export const CELL_KINDS = ['nothing', '1 KB each'] as const;
export type CellKind = (typeof CELL_KINDS)[number];

export interface MeasuredRun {
  readonly seconds: number;
  /** The most memory that the driver had. */
  readonly driverMiB: number;
  /** How often, how many bytes or milliseconds, by what they are. */
  readonly costs: ReadonlyMap<string, number>;
  readonly succeeded: readonly StepSucceeded[];
}

export const WORKERS = 4;

/** Four workers of one step at a time on this machine, with Redis, PostgreSQL and a shared store of their own. */
export class MeasuredFleet implements AsyncDisposable {
  readonly #fleet: FleetRig;
  readonly #postgres: PostgresRig;
  readonly #s3: S3Server | undefined;
  readonly #workers: WorkerProcess[] = [];
  readonly #traceDir = mkdtempSync(join(tmpdir(), 'stockpot-'));
  #calls: FollowedCalls | undefined;
  #runs = 0;

  private constructor(fleet: FleetRig, postgres: PostgresRig, s3: S3Server | undefined) {
    this.#fleet = fleet;
    this.#postgres = postgres;
    this.#s3 = s3;
  }

  static async start({ store }: { readonly store: 'folder' | 's3' }): Promise<MeasuredFleet> {
    for (const rig of [RedisRig, PostgresRig]) {
      const missing = await rig.missing();
      if (missing !== undefined) throw new Error(missing);
    }
    const fleet = await FleetRig.start('--appendonly', 'yes');
    const postgres = await PostgresRig.start('durable', '-c', 'shared_preload_libraries=pg_stat_statements');
    await postgres.query('CREATE EXTENSION pg_stat_statements');
    const one = new MeasuredFleet(fleet, postgres, store === 's3' ? await S3Server.start() : undefined);
    for (let n = 0; n < WORKERS; n += 1) {
      const machine = await fleet.machine();
      Object.assign(machine.env, one.#env);
      one.#workers.push(await fleet.workerIn(machine, '--concurrency', '1'));
    }
    return one;
  }

  /** Counts from now on what workers and drivers do in the shared folder. */
  async followCalls(): Promise<Disposable> {
    this.#calls = new FollowedCalls(this.#fleet.shared, this.#traceDir);
    for (const { pid } of this.#workers) await this.#calls.follow('worker', pid);
    return this.#calls;
  }

  /** A matrix of so many cells that nobody has run before, from the start of the command to its end. */
  async run(cells: number, kind: CellKind): Promise<MeasuredRun> {
    this.#runs += 1;
    const list = Array.from({ length: cells }, (_, n) => n).join(', ');
    return this.runRecipe(
      `matrix_limit: ${cells}\nsteps: { a: { matrix: { i: [${list}] }, ${stepOf(kind, this.#runs)} } }\n`,
      cells,
    );
  }

  /** @throws Error unless so many steps succeed, each once, and no other */
  async runRecipe(recipe: string, steps: number, ...args: string[]): Promise<MeasuredRun> {
    const rig = await this.#fleet.project({ 'recipe.yaml': recipe });
    Object.assign(rig.env, this.#env, { STOCKPOT_DATABASE_URL: this.#postgres.url });
    await this.#fleet.redis.cli('CONFIG', 'RESETSTAT');
    await this.#postgres.query('SELECT pg_stat_statements_reset()');
    const before = await this.#now();
    const started = performance.now();
    const run = new FollowedRun(rig, '-p', 'fleet', ...args);
    const { pid } = run;
    await this.#calls?.follow('driver', pid);
    let most = 0;
    const watching = setInterval(() => {
      most = Math.max(most, peakMiB(pid));
    }, 100);
    const { exit, events } = await run.end();
    clearInterval(watching);
    const seconds = (performance.now() - started) / 1000;
    const succeeded = events.filter((event) => event.type === 'step.succeeded');
    const done = new Set(succeeded.map(({ step }) => step)).size;
    if (exit !== 0 || done !== steps || succeeded.length !== steps)
      throw new Error(`the run ended with ${exit}, ${done} of ${steps} steps`);
    const costs = difference(await this.#now(), before);
    return { seconds, driverMiB: most, costs, succeeded };
  }

  /** What it costs that nobody asks for anything. */
  async idle(seconds: number): Promise<ReadonlyMap<string, number>> {
    const before = await this.#now();
    await sleep(seconds * 1000);
    return difference(await this.#now(), before);
  }

  /** What Redis keeps now: keys, and KiB of them without what clients and the server itself take. */
  async redisState(): Promise<{ readonly keys: number; readonly kib: number }> {
    const [keys, info] = [
      await this.#fleet.redis.cli('DBSIZE'),
      await this.#fleet.redis.cli('INFO', 'memory'),
    ];
    const bytes = /^used_memory_dataset:(\d+)/m.exec(info)?.[1];
    return { keys: Number(keys), kib: Math.round(Number(bytes) / 1024) };
  }

  get #env(): Readonly<Record<string, string>> {
    return this.#s3 === undefined ? {} : environmentOf(this.#s3, 's3://bucket/fleet');
  }

  async #now(): Promise<Map<string, number>> {
    const counts = new Map<string, number>();
    const add = (name: string, value: number): void => void counts.set(name, (counts.get(name) ?? 0) + value);
    // Of those that have ended only drivers were started by this process.
    add('processor ms: driver', processorTime(process.pid).endedMs);
    for (const { pid } of this.#workers) {
      const { ownMs, belowMs } = processorTime(pid);
      add('processor ms: worker', ownMs);
      add("processor ms: worker's programs", belowMs);
    }
    const postgres = processorTime(childNamed('postgres'));
    add('processor ms: PostgreSQL', postgres.ownMs + postgres.belowMs);
    add('processor ms: Redis', processorTime(childNamed('redis-server')).ownMs);
    const info = await this.#fleet.redis.cli('INFO', 'everything');
    for (const [, name = '', calls] of info.matchAll(/^cmdstat_(\S+?):calls=(\d+)/gm)) {
      add('redis commands', Number(calls));
      add(`redis commands: ${name}`, Number(calls));
    }
    for (const [, way = '', bytes] of info.matchAll(/^total_net_(input|output)_bytes:(\d+)/gm))
      add(`redis bytes: ${way}`, Number(bytes));
    const { rows } = await this.#postgres.query(
      'SELECT sum(calls) AS calls, sum(wal_bytes) AS wal FROM pg_stat_statements',
    );
    add('PostgreSQL statements', Number(rows[0]?.calls));
    add('PostgreSQL log bytes', Number(rows[0]?.wal));
    for (const { method, key, query } of this.#s3?.calls ?? []) {
      const kind = query.get('list-type') === null ? method : 'LIST';
      const [, what = ''] = (query.get('prefix') ?? key).split('/');
      add('S3 requests', 1);
      add(`S3 requests: ${kind} ${what}`, 1);
    }
    for (const [name, count] of this.#calls?.counts() ?? []) add(`shared folder: ${name}`, count);
    return counts;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#fleet[Symbol.asyncDispose]();
    await this.#postgres[Symbol.asyncDispose]();
    await this.#s3?.[Symbol.asyncDispose]();
    rmSync(this.#traceDir, { recursive: true });
  }
}

function difference(
  after: ReadonlyMap<string, number>,
  before: ReadonlyMap<string, number>,
): ReadonlyMap<string, number> {
  return new Map([...after].map(([name, value]) => [name, value - (before.get(name) ?? 0)]));
}

function stepOf(kind: CellKind, run: number): string {
  if (kind === 'nothing') return `run: ["true", "${run}", "{{ matrix.i }}"]`;
  return `run: [sh, -c, 'head -c 1024 /dev/zero > "$OUT_x"; echo ${run} {{ matrix.i }} >> "$OUT_x"'], outputs: { x: x }`;
}

/** What the process had at most until now; 0 once it has ended. */
function peakMiB(pid: number): number {
  try {
    const peak = /^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Math.round(Number(peak ?? 0) / 1024);
  } catch {
    return 0;
  }
}
