import type { TrackedRunWrite } from '../../engine/tracking-port.ts';

/** One write for each run, in the order of their first ones; the first end of a run stays. */
export function mergeWrites(writes: readonly TrackedRunWrite[]): TrackedRunWrite[] {
  const merged = new Map<string, TrackedRunWrite>();
  for (const write of writes) {
    const before = merged.get(write.id);
    merged.set(write.id, before === undefined ? write : both(before, write));
  }
  return [...merged.values()];
}

function both(first: TrackedRunWrite, second: TrackedRunWrite): TrackedRunWrite {
  const ended = first.status !== undefined && first.status !== 'RUNNING' ? first : second;
  return {
    ...second,
    ...first,
    ...(ended.status === undefined ? {} : { status: ended.status }),
    ...(ended.endTime === undefined ? {} : { endTime: ended.endTime }),
    params: [...(first.params ?? []), ...(second.params ?? [])],
    metrics: [...(first.metrics ?? []), ...(second.metrics ?? [])],
    tags: [...(first.tags ?? []), ...(second.tags ?? [])],
    datasets: [...(first.datasets ?? []), ...(second.datasets ?? [])],
    artifacts: [...(first.artifacts ?? []), ...(second.artifacts ?? [])],
  };
}
