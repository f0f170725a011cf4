import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { WorkerHome } from '../compose-worker.ts';
import { ExitCode } from '../core/exit-code.ts';
import { DEFAULT_QUEUE, isQueueName } from '../core/fleet-names.ts';
import { MOST_GPUS, visibleGpus } from '../core/gpu-ids.ts';
import { hasCode, RecipeError } from '../core/recipe-error.ts';
import { SECRET_VARIABLE } from '../engine/secrets.ts';
import type { MetricsServer } from '../executors/fleet/metrics-server.ts';
import { type Context, flag, list, type Parsed, text, warningsTo } from './context.ts';
import { countOption } from './count-option.ts';
import { describeWorkerLine } from './describe-worker-line.ts';
import { durationOption } from './duration-option.ts';
import { sideBySide } from './side-by-side.ts';

/** `recipe worker` */
export async function execute({ options }: Parsed, context: Context): Promise<ExitCode> {
  const named = [...new Set(list(options, 'queue'))];
  const wrong = named.find((queue) => !isQueueName(queue));
  if (wrong !== undefined) throw usage(`--queue ${wrong} is no name of a queue: letters, digits, _ . -`);
  const slots = countOption('--drive', text(options, 'drive'), 'worker');
  if (flag(options, 'once') && (slots === undefined || named.length > 0))
    throw usage('--once is for a driver alone: recipe worker --drive N --once');
  if (slots !== undefined && named.length === 0) {
    await drive(slots, options, context);
    return ExitCode.ok;
  }
  if (slots !== undefined)
    context.err('warning: with --queue too, steps of others can read what this driver signs in with\n');
  const queues = named.length === 0 ? [DEFAULT_QUEUE] : named;
  const drainMs = durationOption(text(options, 'drain'), '--drain', 'worker');
  const surroundings = { ...context, world: { ...context.world, env: environmentOf(options, context) } };
  await using home = new WorkerHome(context.cwd, surroundings);
  const json = flag(options, 'json');
  const say = (line: object, words: string): void =>
    json ? context.out(`${JSON.stringify(line)}\n`) : context.err(`${words}\n`);
  await using metrics = await metricsOf(text(options, 'metrics'));
  const preempt = new AbortController();
  let limit: NodeJS.Timeout | undefined;
  context.signal.addEventListener('abort', () => {
    if (drainMs !== undefined) limit = setTimeout(() => preempt.abort(), drainMs);
  });
  const concurrency =
    countOption('--concurrency', text(options, 'concurrency'), 'worker') ?? availableParallelism();
  const gpus = gpusOf(text(options, 'gpus'));
  try {
    const work = async (signal: AbortSignal): Promise<void> =>
      home.work(
        {
          settings: {},
          queues,
          concurrency,
          gpus,
          isUnsafe: flag(options, 'unsafeRedis'),
          onWarning: warningsTo(context),
          onChange: (line) => {
            metrics?.take(line);
            say(line, describeWorkerLine(line));
          },
        },
        (worker) =>
          say(
            {
              type: 'ready',
              worker,
              queues,
              concurrency,
              ...(metrics === undefined ? {} : { metrics: metrics.url }),
            },
            `worker ${worker} takes steps of ${queues.join(', ')}, ${concurrency} at once. Ctrl-C ends it when they have ended.`,
          ),
        signal,
        preempt.signal,
      );
    if (slots === undefined) await work(context.signal);
    else {
      const failed = new AbortController();
      const signal = AbortSignal.any([context.signal, failed.signal]);
      await sideBySide(failed, [work(signal), drive(slots, options, { ...context, signal })]);
    }
  } finally {
    clearTimeout(limit);
  }
  return ExitCode.ok;
}

/** The part of a driver, until the context's signal. */
async function drive(slots: number, options: Parsed['options'], context: Context): Promise<void> {
  const { driveSubmitted } = await import('./drive.ts');
  const env = environmentOf(options, context);
  await driveSubmitted(
    {
      slots,
      once: flag(options, 'once'),
      isUnsafeRedis: flag(options, 'unsafeRedis'),
      json: flag(options, 'json'),
    },
    { ...context, env, world: { ...context.world, env } },
  );
}

/** What the command line says stands before the environment. */
function environmentOf(
  options: Parsed['options'],
  { cwd, env }: Context,
): Readonly<Record<string, string | undefined>> {
  const key = text(options, 'signWith');
  const flags = {
    STOCKPOT_SIGNING_KEY: key === undefined ? undefined : readNamed('--sign-with', key, cwd),
    STOCKPOT_REDIS_URL: text(options, 'redis'),
    STOCKPOT_REDIS_PREFIX: text(options, 'prefix'),
    STOCKPOT_REMOTE: text(options, 'remote'),
    STOCKPOT_ACCEPT: text(options, 'accept'),
  };
  const given = Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined));
  const file = text(options, 'secrets');
  return { ...env, ...given, ...(file === undefined ? {} : readSecrets(file, cwd)) };
}

/** What an option names a file of. */
function readNamed(option: string, path: string, cwd: string): string {
  try {
    return readFileSync(resolve(cwd, path), 'utf8');
  } catch (error) {
    if (!hasCode(error, 'ENOENT') && !hasCode(error, 'EACCES') && !hasCode(error, 'EISDIR')) throw error;
    throw usage(`${option} ${path} cannot be read`);
  }
}

/** Lines `NAME=value`; what is empty or begins with `#` is passed over. */
function readSecrets(path: string, cwd: string): Record<string, string> {
  const content = readNamed('--secrets', path, cwd);
  const secrets: Record<string, string> = {};
  for (const [index, line] of content.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const [, name, value] = /^([A-Za-z_]\w*)=(.*)$/.exec(line) ?? [];
    // The line itself is not said: it may be a secret.
    if (name === undefined || value === undefined) throw usage(`${path}:${index + 1} is not NAME=value`);
    secrets[`${SECRET_VARIABLE}${name}`] = value;
  }
  return secrets;
}

async function metricsOf(value: string | undefined): Promise<MetricsServer | undefined> {
  if (value === undefined) return undefined;
  const port = Number(value);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw usage(`--metrics ${value} is no port: a whole number up to 65535`);
  const { MetricsServer } = await import('../executors/fleet/metrics-server.ts');
  return MetricsServer.listen(port);
}

/** `2` is how many, `0,2` and `GPU-…` are which. */
function gpusOf(value: string | undefined): number | readonly string[] | undefined {
  if (value === undefined) return undefined;
  const isCount = /^\d+$/.test(value);
  if (isCount && Number(value) <= MOST_GPUS) return Number(value);
  const ids = visibleGpus(value);
  if (isCount || ids.length === 0 || ids.join(',') !== value)
    throw usage(`--gpus ${value} is neither a number nor a list of devices such as 0,2 or GPU-…`);
  return ids;
}

function usage(problem: string): RecipeError {
  return new RecipeError('USAGE', { problem, command: 'worker' });
}
