/** What a worker says of itself, every few seconds. */
export interface WorkerState {
  readonly id: string;
  readonly host: string;
  readonly pid: number;
  readonly stockpot: string;
  readonly platform: string;
  readonly queues: readonly string[];
  /** Steps at once. */
  readonly concurrency: number;
  readonly cpus: number;
  readonly memoryBytes: number;
  /** How many GPUs its steps may have. */
  readonly gpus: number;
  /** Names of the secrets that it can give to steps. */
  readonly secrets: readonly string[];
  /** Milliseconds since the Unix epoch, by its own clock. */
  readonly startedAt: number;
  /** It takes nothing more, and ends when what it runs has ended. */
  readonly isDraining: boolean;
  /** Its clock has come to differ from that of Redis: it takes nothing more until that is set right. */
  readonly isClockOff?: true;
  readonly running: readonly {
    readonly step: string;
    readonly run: string;
    readonly queue: string;
    readonly since: number;
  }[];
}

/** What a run says of a step that no worker has begun, every few seconds. */
export interface WaitState {
  readonly run: string;
  readonly step: string;
  readonly queue: string;
  /** What it waits for. */
  readonly holder: string;
  /** Milliseconds since the Unix epoch, by its driver's clock. */
  readonly since: number;
  /** When it fails, by the same clock; absent for never. */
  readonly until?: number;
}

/** Workers that take from a queue: not those that end when what they run has ended, or whose clock is off. */
export function takersOf(queue: string, workers: readonly WorkerState[]): readonly WorkerState[] {
  return workers.filter(
    ({ queues, isClockOff, isDraining }) => queues.includes(queue) && !isDraining && isClockOff !== true,
  );
}
