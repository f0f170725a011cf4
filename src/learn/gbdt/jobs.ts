import { addLeaves } from './add-leaves.ts';
import { binRows } from './bin-features.ts';
import { countRows } from './count-bins.ts';
import type { Job } from './fit-memory.ts';
import { deriveRows, watchRows } from './objective.ts';
import { moveRows, partRows } from './part-rows.ts';
import { settleFeatures } from './settle-leaf.ts';

/** All that threads do, by block. */
export const JOBS = {
  'add-leaves': addLeaves,
  bin: binRows,
  count: countRows,
  derive: deriveRows,
  move: moveRows,
  part: partRows,
  settle: settleFeatures,
  watch: watchRows,
} as const satisfies Record<string, Job>;

export type JobName = keyof typeof JOBS;

export const JOB_NAMES = Object.keys(JOBS) as JobName[];
