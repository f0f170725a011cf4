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
import type { Failpoint } from '../../src/core/failpoint.ts';
import type { CrashRig } from '../rigs/crash-rig.ts';
import type { Random } from './random.ts';

/** What happened, in words, and what it leaves to be expected. */
export interface Disturbed {
  readonly what: string;
  /** The kind of what went wrong; undefined if it came too late, or had nothing to happen to. */
  readonly fault?: string | undefined;
  readonly damaged?: boolean;
  readonly collected?: boolean;
  /** What a command must not have done, disturbed or not. */
  readonly violations?: readonly string[];
}

/** One thing that goes wrong while the program works in a home. */
export type Disturbance = (rig: CrashRig, random: Random) => Promise<Disturbed>;

export const MODES = ['kill', 'error', 'delay:300'] as const;

const DONE = { kill: 'is killed', error: 'is told of an error (EIO)', 'delay:300': 'is held up' } as const;

/** Milliseconds within which a command of this size has ended on a machine that is not busy. */
const COMMAND_MS = 1200;

export const DISTURBANCES: Readonly<Record<string, Disturbance>> = {
  failpoint: (rig, random) =>
    atFailpoint(rig, random.pick(rig.failpoints), random.pick(MODES), 1 + random.below(2)),

  killed: async (rig, random) => {
    const after = random.below(COMMAND_MS);
    const child = rig.cli.start('run');
    await Promise.race([child, sleep(after)]);
    child.kill('SIGKILL');
    const { signal } = await child;
    return {
      what: `SIGKILL after ${after} ms`,
      fault: signal === 'SIGKILL' ? 'a run is killed at some moment' : undefined,
    };
  },

  stopped: async (rig, random) => {
    const after = random.below(COMMAND_MS);
    const child = rig.cli.start('run');
    await Promise.race([child, sleep(after)]);
    // No signal reaches a process that has ended.
    const isStopped = child.kill('SIGSTOP');
    // Another driver finds the run of a process that stands still, and must leave it alone.
    const other = rig.cli.start('run');
    await sleep(random.below(400));
    child.kill('SIGCONT');
    const [first, second] = await Promise.all([child, other]);
    return {
      what: `SIGSTOP after ${after} ms, beside another driver`,
      fault: isStopped ? 'a run stands still beside another' : undefined,
      violations: [...unexpected(first.exitCode, [0]), ...unexpected(second.exitCode, [0])],
    };
  },

  pair: async (rig, random) => {
    const name = random.pick(rig.failpoints);
    const mode = random.pick(['kill', 'delay:300'] as const);
    rig.cli.env['STOCKPOT_FAILPOINT'] = `${name}=${mode}`;
    const first = rig.cli.start('run');
    delete rig.cli.env['STOCKPOT_FAILPOINT'];
    const [{ stderr: said }, { exitCode, stderr }] = await Promise.all([first, rig.cli.start('run')]);
    return {
      what: `two drivers, one disturbed at ${name}`,
      fault: isSaid(said, name) ? `one of two runs at once ${DONE[mode]} at a failpoint` : undefined,
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
    return {
      what: `a bit of byte ${at} of ${path} flipped`,
      fault: 'a bit of a file is flipped',
      damaged: true,
    };
  },

  truncated: async (rig, random) => {
    const path = anyFile(rig, random);
    if (path === undefined) return { what: 'nothing to cut' };
    chmodSync(path, 0o644);
    const length = random.below(statSync(path).size);
    truncateSync(path, length);
    return { what: `${path} cut at ${length}`, fault: 'a file is cut', damaged: true };
  },

  collected: async (rig, random) => {
    // Without it, gc knows of no results that it has to keep.
    rmSync(join(rig.home, 'index.db'), { force: true });
    const name = random.pick(['gc.before-result', 'gc.before-blob', 'gc.after-blobs'] as const);
    const mode = random.pick(MODES);
    const gc = rig.crash(`${name}=${mode}`, 'cache', 'gc', '--max-size', '0B');
    const beside = random.next() < 0.5 ? rig.cli.recipe('run') : undefined;
    const { err } = await gc;
    const exit = (await beside)?.exit ?? 0;
    return {
      what: `gc disturbed at ${name}${beside === undefined ? '' : ' beside a run'}`,
      fault: isSaid(err, name) ? `gc ${DONE[mode]} at a failpoint` : undefined,
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
    fault: 'the disk is full',
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
    const { exit, err } = await rig.crash(spec);
    return {
      what: spec,
      fault: isSaid(err, name) ? `a run ${DONE[mode]} at a failpoint` : undefined,
      violations: mode.startsWith('delay') ? unexpected(exit, [0]) : [],
    };
  }
  rmSync(join(rig.home, 'index.db'), { force: true });
  const { err } = await rig.crash(spec, 'cache', 'gc', '--max-size', '0B');
  return {
    what: `${spec} of gc`,
    fault: isSaid(err, name) ? `gc ${DONE[mode]} at a failpoint` : undefined,
    collected: true,
  };
}

/** Whether a process says that it has come to a failpoint. */
function isSaid(err: string, name: Failpoint): boolean {
  return err.includes(`failpoint ${name}: `);
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
