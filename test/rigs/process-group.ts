import { readdirSync, readFileSync } from 'node:fs';

/** Processes of a group that still run. One that has ended and waits to be collected by its parent does not. */
export function livingMembers(group: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      const [, , pgrp] = statOf(pid);
      return Number(pgrp) === group && isRunning(Number(pid));
    })
    .map(Number);
}

/** Processes that one has begun and that live. */
export function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .split(' ')
    .filter((text) => text !== '')
    .map(Number);
}

/** Whether a process has not ended. */
export function isRunning(pid: number): boolean {
  const [state] = statOf(String(pid));
  return state !== undefined && state !== 'Z' && state !== 'X';
}

/** Sends a signal to a process that may be gone. */
export function signalTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}

/** Fields of /proc/PID/stat from the state on; none if the process is gone. */
export function statOf(pid: string): string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}
