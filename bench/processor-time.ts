import { readdirSync, readFileSync } from 'node:fs';
import { childrenOf, statOf } from '../test/rigs/process-group.ts';

/** Linux counts in hundredths of a second. */
const TICK_MS = 10;

interface Times {
  readonly parent: number;
  readonly ownMs: number;
  /** Of those that it started, once they have ended. */
  readonly endedMs: number;
}

/** Milliseconds of processor time, of a process itself and of all that was started below it. */
export interface ProcessorTime {
  readonly ownMs: number;
  readonly belowMs: number;
  /** The part of it of direct children that have ended, with all below them. */
  readonly endedMs: number;
}

export function processorTime(pid: number): ProcessorTime {
  const all = new Map<number, Times>();
  for (const name of readdirSync('/proc')) {
    const times = /^\d+$/.test(name) ? timesOf(name) : undefined;
    if (times !== undefined) all.set(Number(name), times);
  }
  const below = (of: number): number =>
    [...all].reduce(
      (sum, [one, { parent, ownMs, endedMs }]) => sum + (parent === of ? ownMs + endedMs + below(one) : 0),
      0,
    );
  const { ownMs = 0, endedMs = 0 } = all.get(pid) ?? {};
  return { ownMs, belowMs: endedMs + below(pid), endedMs };
}

/** The process that was started with a command of this name, directly by this one. */
export function childNamed(name: string): number {
  const pid = childrenOf(process.pid).find(
    (one) => readFileSync(`/proc/${one}/comm`, 'utf8').trim() === name,
  );
  if (pid === undefined) throw new Error(`no child of this process is called ${name}`);
  return pid;
}

function timesOf(pid: string): Times | undefined {
  const fields = statOf(pid);
  if (fields.length === 0) return undefined;
  const [user = 0, system = 0, endedUser = 0, endedSystem = 0] = fields.slice(11, 15).map(Number);
  return {
    parent: Number(fields[1]),
    ownMs: (user + system) * TICK_MS,
    endedMs: (endedUser + endedSystem) * TICK_MS,
  };
}
