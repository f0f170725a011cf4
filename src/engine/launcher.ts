/** Starts the process of one attempt. `executors/local` implements it; a worker uses the same. */
export interface Launcher {
  launch(request: LaunchRequest): Promise<Exit>;
}

export interface LaunchRequest {
  readonly program: Program;
  readonly cwd: string;
  /** All of the process's environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Ends the process group when aborted: TERM, `graceMs`, KILL. */
  readonly signal: AbortSignal;
  readonly graceMs: number;
  /** Called with what arrives, as it arrives. */
  readonly onOutput: (stream: 'stdout' | 'stderr', chunk: Buffer) => void;
  /** Called once the process runs, with what identifies its group. */
  readonly onStart: (group: ProcessGroup) => void;
}

export type Program =
  | { readonly kind: 'argv'; readonly argv: readonly [string, ...string[]] }
  /** A TypeScript or JavaScript module with the export `step`, by absolute path. */
  | {
      readonly kind: 'node-step';
      readonly entry: string;
      readonly stepFile: string;
      readonly mayUseSpare: boolean;
    };

/** Enough to find a process again after a crash, and not to take another for it. */
export interface ProcessGroup {
  readonly pid: number;
  readonly startedAt: string;
}

export type Exit =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'signalled'; readonly signal: string }
  | { readonly kind: 'not-started'; readonly code: string; readonly message: string };
