import { createHash } from 'node:crypto';
import type { Digest } from '../core/ids.ts';
import { writeStream } from './write-stream.ts';

/** Bytes that wait for the disk while others are hashed. */
const AHEAD = 4 << 20;

/** Writes bytes as they come to a file that must not be there yet, and gives their SHA-256. */
export async function writeHashed(
  path: string,
  bytes: AsyncIterable<Uint8Array>,
  { mode, isDurable }: { readonly mode: number; readonly isDurable: boolean },
): Promise<Digest> {
  const hash = createHash('sha256');
  async function* hashed(): AsyncGenerator<Uint8Array> {
    for await (const chunk of bytes) {
      hash.update(chunk);
      yield chunk;
    }
  }
  await writeStream(path, hashed(), { flags: 'wx', mode, highWaterMark: AHEAD, flush: isDurable });
  return hash.digest('hex') as Digest;
}
