import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { Exit, LaunchRequest, ProcessGroup } from '../../engine/launcher.ts';

/** A process that leads its group, however it was started. */
export interface Started {
  /** Undefined if it could not be started: `exited` says why. */
  readonly pid: number | undefined;
  readonly exited: Promise<Exit>;
}

/** What is left of an output once its program's group is gone is waited for no longer than this. */
const DRAIN_MS = 2000;

/** Starts a program in a process group of its own, its stdout and stderr given as descriptors. */
export function startProgram(
  [program, ...args]: readonly [string, ...string[]],
  { cwd, env }: Pick<LaunchRequest, 'cwd' | 'env'>,
  outputs: readonly [number, number],
): Started {
  return started(spawn(program, args, { cwd, env, detached: true, stdio: ['ignore', ...outputs] }));
}

export function started(child: ChildProcess): Started {
  const exited = new Promise<Exit>((resolve) => {
    child.once('error', (error: NodeJS.ErrnoException) =>
      resolve({ kind: 'not-started', code: error.code ?? 'UNKNOWN', message: error.message }),
    );
    child.once('exit', (code, name) =>
      resolve(name === null ? { kind: 'exited', code: code ?? 0 } : { kind: 'signalled', signal: name }),
    );
  });
  return { pid: child.pid, exited };
}

/**
 * Sees a process group to its end: the leader, all it left behind, and what they wrote.
 *
 * @param outputs each resolves when all that was written to it is read
 */
export async function attend(
  { pid, exited }: Started,
  outputs: readonly { readonly drained: Promise<unknown>; readonly giveUp: () => void }[],
  { signal, graceMs, onStart }: Pick<LaunchRequest, 'signal' | 'graceMs' | 'onStart'>,
): Promise<Exit> {
  let kill: NodeJS.Timeout | undefined;
  const end = (): void => {
    signalGroup(pid, 'SIGTERM');
    kill = setTimeout(() => signalGroup(pid, 'SIGKILL'), graceMs);
  };
  try {
    if (pid !== undefined) onStart(identify(pid));
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
    return await exited;
  } finally {
    // Also when nobody could find it again after a crash: better not to run it. A straggler would hold the outputs.
    signalGroup(pid, 'SIGKILL');
    signal.removeEventListener('abort', end);
    clearTimeout(kill);
    const late = setTimeout(() => outputs.forEach(({ giveUp }) => giveUp()), DRAIN_MS);
    await Promise.all(outputs.map(({ drained }) => drained));
    clearTimeout(late);
  }
}

/** A process group by its leader and when that one started, as a pid alone is used again. */
export function identify(pid: number): ProcessGroup {
  return { pid, startedAt: startOf(pid) ?? '' };
}

/** Ends a process group that an earlier driver left behind, if its leader is still the same process. */
export function endLeftover({ pid, startedAt }: ProcessGroup): boolean {
  if (startedAt === '' || startOf(pid) !== startedAt) return false;
  return signalGroup(pid, 'SIGKILL');
}

/** Ends the groups of all processes whose environment names a `step.json` that is a stray's. On Linux. */
export function endStrays(isStray: (stepFile: string) => boolean): void {
  if (!existsSync('/proc/self/environ')) return;
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const stepFile = environmentOf(pid).find((line) => line.startsWith(STEP_VARIABLE));
    if (stepFile === undefined || !isStray(stepFile.slice(STEP_VARIABLE.length))) continue;
    // One that left its group is ended alone.
    if (!signalGroup(Number(pid), 'SIGKILL')) signalProcess(Number(pid), 'SIGKILL');
  }
}

const STEP_VARIABLE = 'STOCKPOT_STEP=';

/** `NAME=value` each; none if the process is gone or somebody else's. */
function environmentOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  } catch {
    return [];
  }
}

/**
 * Start time of a process in clock ticks since boot, from /proc; undefined elsewhere or if it is gone. One that
 * has ended and waits for its parent to ask (Z, X) is gone: the parent may never do so.
 */
export function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold anything; the fields after it are fixed. Field 3 is the state, 22 the start.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

function signalGroup(pid: number | undefined, name: 'SIGTERM' | 'SIGKILL'): boolean {
  return pid !== undefined && signalProcess(-pid, name);
}

/** A negative number is a group. */
function signalProcess(pid: number, name: 'SIGTERM' | 'SIGKILL'): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch {
    // ESRCH: it is gone, or the group empty, already.
    return false;
  }
}
