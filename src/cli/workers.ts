import { openFleetLink } from '../compose-fleet.ts';
import { ExitCode } from '../core/exit-code.ts';
import { formatDuration } from '../core/format-duration.ts';
import type { FleetLink, QueueState } from '../executors/fleet/fleet-link.ts';
import { RedisAway } from '../executors/fleet/flight-link.ts';
import { takersOf, type WaitState, type WorkerState } from '../executors/fleet/presence.ts';
import { redisError } from '../executors/fleet/redis.ts';
import { profileFleet } from '../recipe/profile-addresses.ts';
import { textTable } from '../report/text/table.ts';
import { type Context, flag, type Parsed, text, warningsTo } from './context.ts';
import { jsonLine } from './json-line.ts';

/**
 * `recipe workers`
 *
 * @throws RecipeError REDIS_UNREACHABLE, REDIS_REFUSED, and as `openFleetLink`
 */
export async function execute({ options }: Parsed, context: Context): Promise<ExitCode> {
  const { world, env, cwd } = context;
  const redis = profileFleet(cwd, text(options, 'profile'));
  const [url, prefix] = [text(options, 'redis'), text(options, 'prefix')];
  const flags = {
    ...(url === undefined ? {} : { STOCKPOT_REDIS_URL: url }),
    ...(prefix === undefined ? {} : { STOCKPOT_REDIS_PREFIX: prefix }),
  };
  await using link = await openFleetLink({
    settings: { redis },
    world: { ...world, env: { ...env, ...flags } },
    isUnsafe: true,
    onWarning: warningsTo(context),
  });
  const [workers, queues, waits] = await read(link);
  if (flag(options, 'json')) {
    context.out(jsonLine({ workers, queues, waits }));
    return ExitCode.ok;
  }
  const now = world.clock.now();
  context.out(workers.length === 0 ? 'no workers\n' : workersTable(workers, now));
  for (const { name, waiting, running } of queues) {
    const isServed = takersOf(name, workers).length > 0;
    const hint = waiting > 0 && !isServed ? `: no worker takes from it; recipe worker --queue ${name}` : '';
    context.out(`queue ${name}: ${waiting} waiting, ${running} running${hint}\n`);
    for (const wait of waits.filter(({ queue }) => queue === name)) context.out(`  ${waitLine(wait, now)}\n`);
  }
  return ExitCode.ok;
}

async function read(
  link: FleetLink,
): Promise<[readonly WorkerState[], readonly QueueState[], readonly WaitState[]]> {
  try {
    return [await link.workers(), await link.queues(), await link.waits()];
  } catch (error) {
    if (!(error instanceof RedisAway)) throw error;
    throw redisError(link.address, error.cause ?? error);
  }
}

function waitLine({ step, run, holder, since, until }: WaitState, now: number): string {
  const waited = formatDuration(Math.max(0, now - since));
  const left = until === undefined ? '' : `; fails in ${formatDuration(Math.max(0, until - now))}`;
  return `${step} of run ${run} has waited ${waited} for ${holder}${left}`;
}

function workersTable(workers: readonly WorkerState[], now: number): string {
  return textTable(
    ['worker', 'queues', 'at once', 'gpus', 'runs', 'up', 'version'],
    workers.map((worker) => [
      worker.id,
      worker.queues.join(', '),
      String(worker.concurrency),
      String(worker.gpus),
      worker.running.map(({ step }) => step).join(', ') || restOf(worker),
      formatDuration(Math.max(0, now - worker.startedAt)),
      worker.stockpot,
    ]),
  );
}

/** What one does that runs nothing. */
function restOf({ isClockOff, isDraining }: WorkerState): string {
  if (isClockOff === true) return 'its clock is off';
  return isDraining ? 'draining' : 'idle';
}
