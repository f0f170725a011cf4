/**
 * Every place where a test may end, break or delay the process: before and after each write whose order
 * matters. `test/long/crashes.test.ts` and `npm run chaos` go through all of them.
 */
export const FAILPOINTS = [
  'mark.before-rename',
  'mark.after-rename',
  'journal.created',
  'journal.before-write',
  'journal.after-write',
  'journal.after-sync',
  'flight.before-commit',
  'attempt.laid-out',
  'attempt.before-record',
  'attempt.after-exit',
  'blob.after-move',
  'blob.before-fsync',
  'blob.before-rename',
  'blob.after-rename',
  'blob.before-settle',
  'blob.after-settle',
  'tree.before-write',
  'attempt.outputs-stored',
  'attempt.all-stored',
  'result.before-fsync',
  'result.before-link',
  'result.after-link',
  'result.after-fsync',
  'attempt.published',
  'tracking.before-write',
  'tracking.before-commit',
  'tracking.after-commit',
  'pin.before-rename',
  'pin.after-rename',
  'registry.before-register',
  'registry.before-commit',
  'registry.after-register',
  'alias.before-commit',
  'alias.after-commit',
  'effect.before',
  'effect.registered',
  'effect.after',
  'history.before-commit',
  'index.before-commit',
  'index.after-commit',
  'mark.before-remove',
  'close.before-write',
  'close.after-write',
  'close.before-unmark',
  'gc.before-result',
  'gc.before-blob',
  'gc.after-blob',
  'gc.after-blobs',
] as const;

/** What only a scheduler comes to: `test/cli/notify.test.ts` ends it there. */
export const SCHEDULE_FAILPOINTS = [
  'tick.before-commit',
  'tick.after-commit',
  'notification.before-send',
  'notification.after-send',
] as const;

/** What only a driver of submitted runs comes to: `test/cli/submit.test.ts` ends it there. */
export const DRIVER_FAILPOINTS = [
  'submission.claimed',
  'submission.named',
  'submission.before-end',
  'submission.after-end',
] as const;

/** What only a process comes to that fetches from a shared cache: `test/cli/killed-fetches.test.ts` ends it there. */
export const FETCH_FAILPOINTS = ['fetch.after-write'] as const;

/** What only a process comes to that sends a large blob to S3: `test/long/killed-uploads.test.ts` ends it there. */
export const UPLOAD_FAILPOINTS = [
  'upload.before-record',
  'upload.after-record',
  'upload.after-part',
  'upload.before-end',
  'upload.after-end',
] as const;

export type Failpoint = (
  | typeof FAILPOINTS
  | typeof SCHEDULE_FAILPOINTS
  | typeof DRIVER_FAILPOINTS
  | typeof FETCH_FAILPOINTS
  | typeof UPLOAD_FAILPOINTS
)[number];

type Hook = (name: Failpoint) => void;

let hook: Hook | undefined;

/** Does nothing unless a hook is installed, which may end the process, throw, or take its time. */
export function failpoint(name: Failpoint): void {
  hook?.(name);
}

/** Calls `next` at every failpoint from now on. */
export function installFailpoint(next: Hook): void {
  hook = next;
}
