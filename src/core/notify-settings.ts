/** What somebody may be told of a schedule's ticks. */
export const NOTIFY_EVENTS = [
  /** The tick's run failed, or was interrupted. */
  'failed',
  /** The run ended well, and its verdict left the champion in place. */
  'rejected',
  /** The first success after a failed tick. */
  'recovered',
] as const;

export type NotifyEvent = (typeof NOTIFY_EVENTS)[number];

/** Whom a profile's `notify:` has told of a schedule's ticks, and of which: a webhook, a command, or both. */
export interface NotifySettings {
  readonly on: readonly NotifyEvent[];
  readonly webhook?: {
    /** `https://…` or `http://…`, without user name and password. */
    readonly url: string;
    /** Name of the secret that calls are signed with. */
    readonly secret?: string;
  };
  /** Argv without a shell; the message comes on its standard input. */
  readonly command?: readonly string[];
}

export const NOTIFY_CHANNELS = ['webhook', 'command'] as const;
export type NotifyChannel = (typeof NOTIFY_CHANNELS)[number];
