/** Where a task goes that names no queue, and what a worker takes from that was told none. */
export const DEFAULT_QUEUE = 'default';

/** Letters, digits, `_`, `.` and `-`, 100 at most, the first a letter or a digit. */
export function isQueueName(text: string): boolean {
  return /^[A-Za-z0-9][\w.-]{0,99}$/.test(text);
}

/** What a fleet's keys may begin with: letters, digits, `_`, `.` and `-`, 100 at most. */
export function isKeyPrefix(text: string): boolean {
  return /^[\w.-]{1,100}$/.test(text);
}

export function isRedisUrl(text: string): boolean {
  return URL.canParse(text) && /^rediss?:$/.test(new URL(text).protocol);
}
