import { hash } from 'node:crypto';
import type { TrackedStep } from './tracked-plan.ts';
import { type ReportLine, trackedReport } from './tracked-report.ts';
import { clean, cut, TRACKING_LIMITS } from './tracking-limits.ts';
import type { KeyValue, TrackedRunWrite } from './tracking-port.ts';

/** Id of the run `number` below a tracked run: the same each time it is asked. */
export function nestedRunId(run: string, number: string): string {
  return hash('sha256', `${run}\0${number}`, 'hex').slice(0, 32);
}

/** Runs that a step began below its own, as its report tells of them. */
export function nestedRuns(
  lines: readonly ReportLine[],
  step: TrackedStep,
  { id, tags }: { readonly id: string; readonly tags: readonly KeyValue[] },
): TrackedRunWrite[] {
  const told = lines.flatMap(({ entry, at }) => (entry.type === 'run' ? [{ ...entry, at }] : []));
  return told.map(({ run, name, status, parent, startTime, endTime, at }) => {
    const report = trackedReport(lines, { ...step, params: [] }, run);
    return {
      ...report,
      id: nestedRunId(id, run),
      name: cut(clean(name), TRACKING_LIMITS.tag),
      parent: parent === undefined ? id : nestedRunId(id, parent),
      status,
      startTime: startTime ?? at,
      endTime: endTime ?? at,
      tags: [...tags, ...report.tags],
    };
  });
}
