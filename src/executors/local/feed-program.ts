import { spawn } from 'node:child_process';
import { attend, started } from './spawn.ts';

export interface FeedRequest {
  /** Without a shell. */
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  /** Comes on its standard input. */
  readonly input: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

const GRACE_MS = 2000;

/**
 * Runs a program with something to read, in a process group of its own that is gone afterwards; what it prints is
 * not kept. Gives what went wrong, in a sentence; undefined if it exited with 0.
 */
export async function feedProgram(request: FeedRequest): Promise<string | undefined> {
  const { argv, cwd, env, input, timeoutMs, signal } = request;
  const [program = '', ...args] = argv;
  const child = spawn(program, args, { cwd, env, detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
  // One that does not read may end before all is written: how it exits says what became of it.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  const timeout = AbortSignal.timeout(timeoutMs);
  const exit = await attend(started(child), [], {
    signal: AbortSignal.any([signal, timeout]),
    graceMs: GRACE_MS,
    onStart: () => undefined,
  });
  if (exit.kind === 'exited' && exit.code === 0) return undefined;
  if (timeout.aborted) return `It took longer than ${timeoutMs / 1000} s.`;
  switch (exit.kind) {
    case 'exited':
      return `It exited with ${exit.code}.`;
    case 'signalled':
      return `It was ended by ${exit.signal}.`;
    case 'not-started':
      return `It could not be started: ${exit.code}.`;
  }
}
