import { readFileSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { startOf } from '../../src/executors/local/spawn.ts';

test('a process that has ended is gone, though its parent never asks for it', async () => {
  // The shell becomes a program that knows nothing of the child that the shell had.
  const parent = execa('bash', ['-c', 'sleep 600 & echo $!; exec sleep 600'], { reject: false });
  const [line] = await parent.stdout.take(1).toArray();
  const child = Number(String(line));
  expect(startOf(child)).toBeDefined();
  // Until then the shell would ask for its child.
  while (readFileSync(`/proc/${parent.pid}/comm`, 'utf8') !== 'sleep\n') await turn();
  process.kill(child, 'SIGKILL');
  while (!/\) Z /.test(readFileSync(`/proc/${child}/stat`, 'utf8'))) await turn();
  expect(startOf(child)).toBeUndefined();
  parent.kill('SIGKILL');
  await parent;
});
