import {
  chmodSync,
  globSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FAILPOINTS, type Failpoint } from '../../src/core/failpoint.ts';
import type { CrashRig } from '../rigs/crash-rig.ts';
import type { Random } from './random.ts';

/** What happened, in words, and what it leaves to be expected. */
export interface Disturbed {
  readonly what: string;
  readonly damaged?: boolean;
  readonly collected?: boolean;
  /** Whether a process that was to be killed there came to the failpoint. */
  readonly isReached?: boolean;
  /** What a command must not have done, disturbed or not. */
  readonly violations?: readonly string[];
}

/** One thing that goes wrong while the program works in a home. */
export type Disturbance = (rig: CrashRig, random: Random) => Promise<Disturbed>;

export const MODES = ['kill', 'error', 'delay:300'] as const;

/** Milliseconds within which a command of this size has ended on a machine that is not busy. */
const COMMAND_MS = 1200;

export const DISTURBANCES: Readonly<Record<string, Disturbance>> = {
  failpoint: (rig, random) =>
    atFailpoint(rig, random.pick(FAILPOINTS), random.pick(MODES), 1 + random.below(3)),

  killed: async (rig, random) => {
    const after = random.below(COMMAND_MS);
    const child = rig.cli.start('run');
    await Promise.race([child, sleep(after)]);
    child.kill('SIGKILL');
    await child;
    return { what: `SIGKILL after ${after} ms` };
  },

  stopped: async (rig, random) => {
    const after = random.below(COMMAND_MS);
    const child = rig.cli.start('run');
    await Promise.race([child, sleep(after)]);
    child.kill('SIGSTOP');
    // Another driver finds the run of a process that stands still, and must leave it alone.
    const other = rig.cli.start('run');
    await sleep(random.below(400));
    child.kill('SIGCONT');
    const [first, second] = await Promise.all([child, other]);
    return {
      what: `SIGSTOP after ${after} ms, beside another driver`,
      violations: [...unexpected(first.exitCode, [0]), ...unexpected(second.exitCode, [0])],
    };
  },

  pair: async (rig, random) => {
    const name = random.pick(FAILPOINTS);
    rig.cli.env['STOCKPOT_FAILPOINT'] = `${name}=${random.pick(['kill', 'delay:300'])}`;
    const first = rig.cli.start('run');
    delete rig.cli.env['STOCKPOT_FAILPOINT'];
    const [, { exitCode, stderr }] = await Promise.all([first, rig.cli.start('run')]);
    return {
      what: `two drivers, one disturbed at ${name}`,
      violations: unexpected(exitCode, [0]).map((text) => `${text}: ${stderr}`),
    };
  },

  flipped: async (rig, random) => {
    const path = anyFile(rig, random);
    if (path === undefined) return { what: 'nothing to flip a bit of' };
    const bytes = readFileSync(path);
    const at = random.below(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
    chmodSync(path, 0o644);
    writeFileSync(path, bytes);
    return { what: `a bit of byte ${at} of ${path} flipped`, damaged: true };
  },

  truncated: async (rig, random) => {
    const path = anyFile(rig, random);
    if (path === undefined) return { what: 'nothing to cut' };
    chmodSync(path, 0o644);
    const length = random.below(statSync(path).size);
    truncateSync(path, length);
    return { what: `${path} cut at ${length}`, damaged: true };
  },

  collected: async (rig, random) => {
    // Without it, gc knows of no results that it has to keep.
    rmSync(join(rig.home, 'index.db'), { force: true });
    const name = random.pick(['gc.before-result', 'gc.before-blob', 'gc.after-blobs'] as const);
    const gc = rig.crash(`${name}=${random.pick(MODES)}`, 'cache', 'gc', '--max-size', '0B');
    const beside = random.next() < 0.5 ? rig.cli.recipe('run') : undefined;
    await gc;
    const exit = (await beside)?.exit ?? 0;
    return {
      what: `gc disturbed at ${name}${beside === undefined ? '' : ' beside a run'}`,
      collected: true,
      // What a run is about to use may be collected under it: then it fails, and the next one does not.
      violations: unexpected(exit, [0, 1]),
    };
  },
};

/** For a home on a disk of its own. */
export const DISK_FULL: Disturbance = async (rig, random) => {
  const filler = join(dirname(rig.home), 'filler');
  const { bavail, bsize } = statfsSync(dirname(rig.home));
  const free = random.below(40) * bsize;
  writeFileSync(filler, Buffer.alloc(Math.max(0, bavail * bsize - free)));
  const { exit, err } = await rig.cli.recipe('run');
  rmSync(filler);
  return {
    what: `a disk with ${free} bytes left`,
    violations: unexpected(exit, [0, 1, 69]).map((text) => `${text}: ${err}`),
  };
};

export async function atFailpoint(
  rig: CrashRig,
  name: Failpoint,
  mode: (typeof MODES)[number],
  nth: number,
): Promise<Disturbed> {
  const spec = `${name}@${nth}=${mode}`;
  if (name.startsWith('close.')) await rig.crash('attempt.after-exit');
  if (!name.startsWith('gc.')) {
    const { exit, signal } = await rig.crash(spec);
    return {
      what: spec,
      isReached: signal === 'SIGKILL',
      violations: mode.startsWith('delay') ? unexpected(exit, [0]) : [],
    };
  }
  rmSync(join(rig.home, 'index.db'), { force: true });
  const { signal } = await rig.crash(spec, 'cache', 'gc', '--max-size', '0B');
  return { what: `${spec} of gc`, isReached: signal === 'SIGKILL', collected: true };
}

function unexpected(exit: number | undefined, allowed: readonly number[]): string[] {
  return exit !== undefined && allowed.includes(exit) ? [] : [`a command ended with ${String(exit)}`];
}

/** A blob, a result or the index; undefined if there is none yet. */
function anyFile(rig: CrashRig, random: Random): string | undefined {
  const files = ['cache/cas/??/*', 'cache/results/??/*', 'index.db']
    .flatMap((pattern) => globSync(pattern, { cwd: rig.home }))
    .map((name) => join(rig.home, name))
    .filter((path) => statSync(path).size > 0)
    .toSorted();
  return files[random.below(files.length)];
}
