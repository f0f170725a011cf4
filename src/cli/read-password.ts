import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import type { Context } from './context.ts';

/** The first line of standard input; from a terminal it is asked for and not shown. */
export async function readPassword({ err, isTerminal }: Context): Promise<string> {
  const asks = isTerminal && process.stdin.isTTY;
  if (asks) err('Password: ');
  const silent = new Writable({ write: (_, __, done) => done() });
  const lines = createInterface({ input: process.stdin, output: silent, terminal: asks });
  try {
    for await (const line of lines) return line;
    return '';
  } finally {
    lines.close();
    if (asks) err('\n');
  }
}
