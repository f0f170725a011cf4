import { spawn } from 'node:child_process';
import { close, open } from 'node:fs';
import { promisify } from 'node:util';
import type { HostAnswer, HostOrder } from './program-host.ts';

/**
 * Main module of the process that starts programs for a driver. Starting one copies the page tables of
 * whoever starts it; this process is small and stays so.
 */
const [openFile, closeFile] = [promisify(open), promisify(close)];

process.on('message', (order: HostOrder) => void obey(order));
// The driver is gone. A pipe that nobody reads may be being opened, which an orderly exit would wait for.
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
answer({ type: 'ready' });

async function obey({ id, argv: [program, ...args], cwd, env, outputs }: HostOrder): Promise<void> {
  const [out, err] = await Promise.all([openFile(outputs[0], 'w'), openFile(outputs[1], 'w')]);
  const child = spawn(program, args, { cwd, env, detached: true, stdio: ['ignore', out, err] });
  child.once('error', (error: NodeJS.ErrnoException) =>
    answer({ type: 'not-started', id, code: error.code ?? 'UNKNOWN', message: error.message }),
  );
  child.once('exit', (code, signal) => answer({ type: 'exit', id, code, signal }));
  if (child.pid !== undefined) answer({ type: 'started', id, pid: child.pid });
  await Promise.all([closeFile(out), closeFile(err)]);
}

function answer(message: HostAnswer): void {
  process.send?.(message);
}
