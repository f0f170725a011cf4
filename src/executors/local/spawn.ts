import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Exit, LaunchRequest, ProcessGroup } from '../../engine/launcher.ts';

/** Starts a program in a process group of its own and sees the whole group to its end. */
export function launchProgram(
  argv: readonly [string, ...string[]],
  request: Omit<LaunchRequest, 'program'>,
): Promise<Exit> {
  const [program, ...args] = argv;
  const child = spawn(program, args, {
    cwd: request.cwd,
    env: request.env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  return attend(child, request);
}

/** Follows a child that leads its process group, until it and all it left behind are gone. */
export function attend(
  child: ChildProcess,
  { signal, graceMs, onOutput, onStart }: Pick<LaunchRequest, 'signal' | 'graceMs' | 'onOutput' | 'onStart'>,
): Promise<Exit> {
  return new Promise((resolve, reject) => {
    let kill: NodeJS.Timeout | undefined;
    const end = (): void => {
      signalGroup(child.pid, 'SIGTERM');
      kill = setTimeout(() => signalGroup(child.pid, 'SIGKILL'), graceMs);
    };
    const finish = (exit: Exit): void => {
      signal.removeEventListener('abort', end);
      clearTimeout(kill);
      resolve(exit);
    };
    child.once('error', (error: NodeJS.ErrnoException) =>
      finish({ kind: 'not-started', code: error.code ?? 'UNKNOWN', message: error.message }),
    );
    // A straggler that holds the pipes open would keep `close` from coming: end the group on `exit`.
    child.once('exit', () => signalGroup(child.pid, 'SIGKILL'));
    child.once('close', (code, name) =>
      finish(name === null ? { kind: 'exited', code: code ?? 0 } : { kind: 'signalled', signal: name }),
    );
    child.stdout?.on('data', (chunk: Buffer) => onOutput('stdout', chunk));
    child.stderr?.on('data', (chunk: Buffer) => onOutput('stderr', chunk));
    try {
      if (child.pid !== undefined) onStart(identify(child.pid));
    } catch (error) {
      // Nobody could find it again after a crash: better not to run it.
      signalGroup(child.pid, 'SIGKILL');
      reject(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
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

/** Start time of a process in clock ticks since boot, from /proc; undefined elsewhere or if it is gone. */
export function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold anything; the fields after it are fixed. Field 22 is the start.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

function signalGroup(pid: number | undefined, name: 'SIGTERM' | 'SIGKILL'): boolean {
  if (pid === undefined) return false;
  try {
    process.kill(-pid, name);
    return true;
  } catch {
    // ESRCH: the group is empty already.
    return false;
  }
}
