/** What a task waits for that could otherwise be executed. */
export interface Holder {
  readonly reason: 'single-flight' | 'limit' | 'resources';
  /** Undefined: that is being found out, and said then. */
  readonly holder: string | undefined;
}
