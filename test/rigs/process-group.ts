import { readdirSync, readFileSync } from 'node:fs';

/** Processes of a group that still run. One that has ended and waits to be collected by its parent does not. */
export function livingMembers(group: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      const [state, , pgrp] = statOf(pid);
      return Number(pgrp) === group && state !== 'Z' && state !== 'X';
    })
    .map(Number);
}

/** Fields of /proc/PID/stat from the state on; none if the process is gone. */
function statOf(pid: string): string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}
