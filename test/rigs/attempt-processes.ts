import { readdirSync, readFileSync } from 'node:fs';
import { signalTo } from './process-group.ts';

/** A process of an attempt, and the `step.json` of that. */
interface AttemptProcess {
  readonly pid: string;
  readonly path: string;
}

/** Processes that belong to an attempt below one of these folders. */
export function attemptsBelow(dirs: readonly string[]): readonly AttemptProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      const path = /(?:^|\0)STOCKPOT_STEP=([^\0]+)/.exec(environmentOf(pid))?.[1];
      return path !== undefined && dirs.some((dir) => path.startsWith(`${dir}/`)) ? [{ pid, path }] : [];
    });
}

/** What a worker that was killed has left running: with it the whole machine is gone. */
export function killAttemptsBelow(dir: string): void {
  for (const { pid } of attemptsBelow([dir])) signalTo(Number(pid), 'SIGKILL');
}

function environmentOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8');
  } catch {
    // Gone meanwhile, or somebody else's.
    return '';
  }
}
