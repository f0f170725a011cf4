import type { RunEvent } from '../core/events.ts';
import { trackedRunId } from './tracked-plan.ts';
import type { Tracking } from './tracking-port.ts';
import { type TrackingSubject, TrackingSubscriber } from './tracking-subscriber.ts';

/**
 * Brings tracking up to the journal of a run whose driver died, from where it stood, and ends what is
 * still open of it. May be repeated.
 */
export async function replayTracking(
  tracking: Tracking,
  subject: Omit<TrackingSubject, 'from' | 'keepPlan'>,
  events: readonly RunEvent[],
  now: number,
): Promise<void> {
  const id = trackedRunId(subject.run);
  const from = await tracking.cursor(id);
  const subscriber = new TrackingSubscriber(tracking, { ...subject, from, keepPlan: () => {} });
  for (const event of events) subscriber.take(event);
  subscriber.journaled();
  await subscriber.settled();
  await tracking.endOpen(id, now);
}
