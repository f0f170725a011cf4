import { join } from 'node:path';
import type { Context } from '../../src/cli/context.ts';
import { dispatch } from '../../src/cli/main.ts';
import { describeError } from '../../src/cli/print-error.ts';
import { systemWorld } from '../../src/core/system-world.ts';
import type { Clock, World } from '../../src/core/world.ts';
import type { Outcome } from './cli-rig.ts';

const ROOT = join(import.meta.dirname, '../..');

/** A command line in this process: for many commands that are over at once. Everything but the start is real. */
export async function inProcess(dir: string, ...argv: string[]): Promise<Outcome> {
  return inProcessWith({ dir, env: {} }, ...argv);
}

/** As `inProcess`, with more in its environment. */
export async function inProcessWith(
  {
    dir,
    env: more,
    now,
  }: {
    readonly dir: string;
    readonly env: Readonly<Record<string, string>>;
    /** What the clock on the wall shows; else the time that it is. */
    readonly now?: number;
  },
  ...argv: string[]
): Promise<Outcome> {
  let [out, err] = ['', ''];
  const env = { PATH: process.env['PATH'], HOME: dir, ...more };
  const world = systemWorld(env);
  const context: Context = {
    cwd: dir,
    env,
    world: now === undefined ? world : { ...world, clock: { ...monotonicOf(world), now: () => now } },
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    isTerminal: false,
    columns: 100,
    rows: 40,
    signal: new AbortController().signal,
    version: '0.0.0-test',
    packageDir: ROOT,
    node: process.execPath,
    pid: process.pid,
  };
  try {
    return { exit: await dispatch(argv, context), signal: undefined, out, err };
  } catch (error) {
    const { text, exit } = describeError(error, { json: argv.includes('--json') });
    return { exit, signal: undefined, out, err: err + text };
  }
}

function monotonicOf({ clock }: World): Omit<Clock, 'now'> {
  return { monotonic: () => clock.monotonic(), sleep: async (ms, signal) => clock.sleep(ms, signal) };
}
