import { spawn } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import type { HostAnswer, HostOrder } from './program-host.ts';

/**
 * Main module of the process that starts programs for a driver. Starting one copies the page tables of
 * whoever starts it; this process is small and stays so.
 */
process.on('message', (order: HostOrder) => obey(order));
// The driver is gone.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
answer({ type: 'ready' });

function obey({ id, argv: [program, ...args], cwd, env, outputs }: HostOrder): void {
  const writers = outputs.map(openWriter);
  try {
    const child = spawn(program, args, { cwd, env, detached: true, stdio: ['ignore', ...writers] });
    child.once('error', (error: NodeJS.ErrnoException) =>
      answer({ type: 'not-started', id, code: error.code ?? 'UNKNOWN', message: error.message }),
    );
    child.once('exit', (code, signal) => answer({ type: 'exit', id, code, signal }));
    if (child.pid !== undefined) answer({ type: 'started', id, pid: child.pid });
  } finally {
    writers.forEach(closeSync);
  }
}

/** A pipe is opened to be written once somebody reads it: that the driver does, unless it is gone. */
function openWriter(path: string): number {
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    return openSync(path, constants.O_WRONLY);
  } finally {
    closeSync(reader);
  }
}

function answer(message: HostAnswer): void {
  process.send?.(message);
}
