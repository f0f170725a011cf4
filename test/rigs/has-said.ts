import type { Readable } from 'node:stream';

/**
 * Resolves when a process has said something on a stream; rejects if it ends first. What it says from then on is read
 * and left: a full pipe would stop it.
 */
export async function hasSaid(stream: Readable, wanted: RegExp): Promise<void> {
  let said = '';
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const take = (chunk: Buffer): void => {
    said += chunk.toString();
    if (!wanted.test(said)) return;
    stream.off('data', take).resume();
    resolve();
  };
  stream.on('data', take);
  stream.on('end', () => reject(new Error(`it ended and never said ${wanted}: ${said}`)));
  await promise;
}
