import { ReadyQueue } from './ready-queue.ts';

/** Work to be done once, after others. Numbers in `needs` are positions in the list, all before its own. */
export interface TimedWork {
  readonly durationMs: number;
  readonly needs: readonly number[];
}

/**
 * How long a list of work takes when so much is done at once and what has most behind it goes first, as the
 * driver does it: never less than the longest way, nor than the sum over the lanes.
 */
export function makespanMs(work: readonly TimedWork[], lanes: number): number {
  const missing = work.map(({ needs }) => needs.length);
  const dependents: number[][] = work.map(() => []);
  for (const [index, { needs }] of work.entries()) for (const need of needs) dependents[need]?.push(index);
  const behind = longestWays(work, dependents);
  const ready = new ReadyQueue((index) => behind[index] ?? 0);
  for (const [index, count] of missing.entries()) if (count === 0) ready.push(index);
  let now = 0;
  const running: { readonly index: number; readonly end: number }[] = [];
  for (;;) {
    while (running.length < lanes && ready.size > 0) {
      const index = ready.pop() ?? 0;
      running.push({ index, end: now + (work[index]?.durationMs ?? 0) });
    }
    running.sort((a, b) => b.end - a.end);
    const first = running.pop();
    if (first === undefined) return now;
    now = first.end;
    for (const index of dependents[first.index] ?? []) {
      missing[index] = (missing[index] ?? 0) - 1;
      if (missing[index] === 0) ready.push(index);
    }
  }
}

/** From the start of each piece to the end of the last that needs it, directly or not. */
export function longestWays(
  work: readonly { readonly durationMs: number }[],
  dependents: readonly (readonly number[])[],
): Float64Array {
  const ways = new Float64Array(work.length);
  for (let index = work.length - 1; index >= 0; index -= 1) {
    const after = (dependents[index] ?? []).reduce((most, next) => Math.max(most, ways[next] ?? 0), 0);
    ways[index] = (work[index]?.durationMs ?? 0) + after;
  }
  return ways;
}
