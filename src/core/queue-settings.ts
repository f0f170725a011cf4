/** What a profile says of one queue of a fleet. */
export interface QueueSettings {
  readonly timeoutMs?: number;
  /** At most so many flights at once, of all runs that share a ledger. */
  readonly concurrency?: number;
}

/** What is said of a queue; nothing where it is not named. */
export function queueSettings(
  { queues = {} }: { readonly queues?: Readonly<Record<string, QueueSettings>> },
  queue: string,
): QueueSettings {
  return (Object.hasOwn(queues, queue) ? queues[queue] : undefined) ?? {};
}
