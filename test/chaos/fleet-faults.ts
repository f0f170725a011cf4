import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Queue } from 'bullmq';
import type { Damage } from '../rigs/damage.ts';
import type { JumpingClock } from '../rigs/jumping-clock.ts';
import type { Network } from '../rigs/network.ts';
import { signalTo } from '../rigs/process-group.ts';
import type { SmallDisk } from '../rigs/small-disk.ts';
import type { FleetArena } from './fleet-arena.ts';
import type { Random } from './random.ts';

/** What happens to a fleet while a run goes on. */
export interface FleetFault {
  readonly name: string;
  /** Faults of one thing do not overlap. */
  readonly of: 'worker' | 'driver' | 'redis' | 'store' | 'ledger';
  /** Whether there is what it happens to; always, if it is not said. */
  readonly isPossible?: (arena: FleetArena) => boolean;
  /** Whether a step may be executed a second time for it. */
  readonly repeats: boolean;
  /** Whether what was committed may be lost by it. */
  readonly injures?: boolean;
  /** Whether a run may not begin for it. */
  readonly refuses?: boolean;
  /** Whether a step may fail for it. */
  readonly fails?: boolean;
  /** Resolves when it is over, to what it was; undefined: there was nothing that it could happen to. */
  readonly happen: (arena: FleetArena, random: Random) => Promise<string | undefined>;
}

const PREFIX = 'stockpot';
const HOUR_MS = 3_600_000;

export const FLEET_FAULTS: readonly [FleetFault, ...FleetFault[]] = [
  {
    name: 'a worker is killed',
    of: 'worker',
    repeats: true,
    happen: async (arena, random) => {
      const worker = arena.workers[random.below(arena.workers.length)];
      if (worker === undefined) return undefined;
      await arena.killWorker(worker);
      await arena.addWorker();
      return worker.process.id;
    },
  },
  {
    name: 'a worker is stopped for longer than its lock',
    of: 'worker',
    repeats: true,
    happen: async (arena, random) => {
      const worker = arena.workers[random.below(arena.workers.length)];
      if (worker === undefined) return undefined;
      const ms = 6500 + random.below(3000);
      signalTo(worker.process.pid, 'SIGSTOP');
      await sleep(ms);
      signalTo(worker.process.pid, 'SIGCONT');
      return `${worker.process.id}, ${ms} ms`;
    },
  },
  {
    name: 'a worker is cut off the network',
    of: 'worker',
    isPossible: ({ networks }) => networks !== undefined,
    repeats: true,
    happen: async ({ networks }, random) => cutOff(networks?.worker, random),
  },
  {
    name: 'the disk of a worker is full',
    of: 'worker',
    isPossible: ({ disk }) => disk !== undefined,
    repeats: true,
    fails: true,
    happen: async ({ workers }, random) => filled(workers[random.below(workers.length)]?.disk, random),
  },
  {
    name: 'the clock of a worker jumps, and back',
    of: 'worker',
    repeats: false,
    happen: async ({ workers }, random) => jumped(workers[random.below(workers.length)]?.clock, random),
  },
  {
    name: 'the clock of the run jumps, and back',
    of: 'driver',
    repeats: false,
    refuses: true,
    happen: async ({ clock }, random) => jumped(clock, random),
  },
  {
    name: 'the run is cut off the network',
    of: 'driver',
    isPossible: ({ networks }) => networks !== undefined,
    repeats: false,
    refuses: true,
    happen: async ({ networks }, random) => cutOff(networks?.driver, random),
  },
  {
    name: 'the run is killed and begun anew',
    of: 'driver',
    isPossible: ({ crew }) => crew === undefined,
    repeats: false,
    happen: async (arena) => {
      if (arena.driver === undefined) return undefined;
      const { rig } = arena.driver;
      await arena.driver.kill();
      arena.begin(rig);
      return 'killed';
    },
  },
  {
    name: 'Redis is killed and comes back empty',
    of: 'redis',
    repeats: false,
    refuses: true,
    happen: async ({ redis }, random) =>
      killedFor(
        { kill: async () => redis.kill().then(() => redis.forget()), restart: async () => redis.restart() },
        random.below(2000),
      ),
  },
  {
    name: 'Redis is killed and comes back with what it had',
    of: 'redis',
    repeats: false,
    refuses: true,
    happen: async ({ redis }, random) => killedFor(redis, random.below(2000)),
  },
  {
    name: 'Redis forgets everything',
    of: 'redis',
    // Nothing tells the workers: until they say again what they run, nobody knows.
    repeats: true,
    happen: async (arena) => {
      await arena.redis.cli('flushall');
      return 'FLUSHALL';
    },
  },
  {
    name: 'Redis is stopped',
    of: 'redis',
    repeats: false,
    refuses: true,
    happen: async (arena, random) => {
      const pid = Number(/process_id:(\d+)/.exec(await arena.redis.cli('info', 'server'))?.[1]);
      const ms = 1000 + random.below(7000);
      signalTo(pid, 'SIGSTOP');
      await sleep(ms);
      signalTo(pid, 'SIGCONT');
      return `for ${ms} ms`;
    },
  },
  {
    name: 'a message comes twice',
    of: 'redis',
    repeats: false,
    happen: async (arena, random) => {
      const keys = (await arena.redis.cli('keys', `${PREFIX}:default:t-*`))
        .split('\n')
        .filter((key) => /:t-[0-9a-f]{64}$/.test(key));
      const key = keys.toSorted()[random.below(keys.length)];
      const text = key === undefined ? '' : await arena.redis.cli('hget', key, 'data');
      if (text === '') return undefined;
      const queue = new Queue('default', { connection: { url: arena.redis.url }, prefix: PREFIX });
      queue.on('error', () => {});
      await queue.add('task', JSON.parse(text), {
        jobId: `twice-${randomUUID()}`,
        attempts: 1,
        removeOnComplete: true,
        removeOnFail: true,
      });
      await queue.close();
      return (JSON.parse(text) as { fingerprint: string }).fingerprint;
    },
  },
  {
    name: 'a blob of the shared cache is removed',
    of: 'store',
    repeats: true,
    injures: true,
    happen: async (arena, random) => injure(arena, random, 'remove'),
  },
  {
    name: 'a byte of a blob of the shared cache is flipped',
    of: 'store',
    repeats: true,
    injures: true,
    happen: async (arena, random) => injure(arena, random, 'flip'),
  },
  {
    name: 'the shared cache is killed, or away, and comes back',
    of: 'store',
    repeats: false,
    happen: async ({ store }, random) => {
      const ms = 500 + random.below(4000);
      await store.goAway();
      await sleep(ms);
      await store.comeBack();
      return `for ${ms} ms`;
    },
  },
  {
    name: 'the disk of the shared cache is full',
    of: 'store',
    repeats: false,
    isPossible: ({ disk }) => disk !== undefined,
    happen: async ({ disk }, random) => filled(disk, random),
  },
  {
    name: 'the ledger (PostgreSQL) is killed and comes back',
    of: 'ledger',
    repeats: false,
    refuses: true,
    isPossible: ({ crew }) => crew !== undefined,
    happen: async ({ crew }, random) => {
      if (crew === undefined) return undefined;
      return killedFor(crew.postgres, random.below(6000));
    },
  },
  {
    name: 'a driver is killed, and another begun',
    of: 'ledger',
    repeats: false,
    isPossible: ({ crew }) => crew !== undefined,
    happen: async ({ crew }, random) => {
      const driver = crew?.drivers[random.below(crew.drivers.length)];
      if (crew === undefined || driver === undefined) return undefined;
      await crew.kill(driver);
      await crew.add();
      return 'SIGKILL';
    },
  },
];

/** Those that can happen to it; there are always some. */
export function faultsOf(arena: FleetArena): readonly [FleetFault, ...FleetFault[]] {
  const possible = FLEET_FAULTS.filter(({ isPossible }) => isPossible?.(arena) ?? true);
  return possible as [FleetFault, ...FleetFault[]];
}

/** For less or for longer than a lock holds. */
async function cutOff(network: Network | undefined, random: Random): Promise<string | undefined> {
  if (network === undefined) return undefined;
  const ms = 1000 + random.below(11_000);
  await network.cut();
  await sleep(ms);
  await network.mend();
  return `for ${ms} ms`;
}

/** There is room for nothing, or for little. */
async function filled(disk: SmallDisk | undefined, random: Random): Promise<string | undefined> {
  if (disk === undefined) return undefined;
  const [free, ms] = [random.below(20) * 4096, 500 + random.below(4000)];
  disk.fill(free);
  await sleep(ms);
  disk.grow();
  return `${free} bytes left for ${ms} ms`;
}

/** By up to an hour, until it is set right. */
async function jumped(clock: JumpingClock | undefined, random: Random): Promise<string | undefined> {
  if (clock === undefined) return undefined;
  const [by, ms] = [random.below(2 * HOUR_MS) - HOUR_MS, 500 + random.below(6000)];
  clock.jump(by);
  await sleep(ms);
  clock.jump(0);
  return `by ${by} ms, for ${ms} ms`;
}

/** One of the newest: those of earlier trials are of no use to this one. */
async function injure(
  { store, since, injured }: FleetArena,
  random: Random,
  how: Damage,
): Promise<string | undefined> {
  const digests = store.blobsSince(since);
  const digest = digests[random.below(digests.length)];
  if (digest === undefined) return undefined;
  injured.add(digest);
  await store.damage(digest, how, random.below(1 << 20));
  return digest;
}

/** @param ms until it is started again */
async function killedFor(
  server: { kill(): Promise<void>; restart(): Promise<void> },
  ms: number,
): Promise<string> {
  await server.kill();
  await sleep(ms);
  await server.restart();
  return `away for ${ms} ms`;
}
