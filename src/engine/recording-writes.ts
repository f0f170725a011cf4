import type { StepId } from '../core/ids.ts';
import { nestedRuns } from './nested-runs.ts';
import { artifactEntries, type RecordedArtifact, recordedReport } from './recorded-report.ts';
import type { Recording } from './recorder-port.ts';
import type { TrackedStep } from './tracked-plan.ts';
import { trackedReport } from './tracked-report.ts';
import { clean, cut, fitTag, TRACKING_LIMITS } from './tracking-limits.ts';
import type { KeyValue, TrackedRunWrite } from './tracking-port.ts';

/** A run that is no step's. */
export interface RecordedSubject extends Pick<TrackedRunWrite, 'id' | 'startTime' | 'status' | 'endTime'> {
  readonly name: string;
  /** Who ran it, and from where. */
  readonly tags: readonly KeyValue[];
}

const NO_STEP: TrackedStep = { id: '' as StepId, params: [], outputs: {}, inputs: {}, onParent: 'never' };

/** What is to be written of a recording: the run itself, and those nested in it. */
export function recordingWrites(
  recording: Recording,
  artifacts: readonly RecordedArtifact[],
  { name, tags: given, ...subject }: RecordedSubject,
): TrackedRunWrite[] {
  const at = subject.startTime ?? 0;
  const lines = [...recordedReport(recording), ...artifactEntries(artifacts)].map((entry) => ({ entry, at }));
  const report = trackedReport(lines, NO_STEP);
  const tags = given.map(fitTag);
  return [
    {
      ...report,
      ...subject,
      name: cut(clean(name), TRACKING_LIMITS.tag),
      tags: [...tags, ...report.tags],
    },
    ...nestedRuns(lines, NO_STEP, { id: subject.id, tags }),
  ];
}
