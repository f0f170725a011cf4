import { createHash, hash } from 'node:crypto';
import { closeSync, openSync, readSync } from 'node:fs';
import { open } from 'node:fs/promises';
import type { Digest } from '../core/ids.ts';

const SMALL = 1 << 20;
const CHUNK = 4 << 20;

/** SHA-256 of text (as UTF-8) or bytes. */
export function digestOf(data: string | Uint8Array): Digest {
  return hash('sha256', data, 'hex') as Digest;
}

/** SHA-256 of a file's bytes, read in this turn of the loop: for small files and for batches of them. */
export function digestFileSync(path: string): Digest {
  const fd = openSync(path, 'r');
  try {
    const buffer = sharedBuffer();
    let count = readSync(fd, buffer, 0, buffer.length, null);
    if (count < buffer.length) return digestOf(buffer.subarray(0, count));
    const state = createHash('sha256');
    while (count > 0) {
      state.update(buffer.subarray(0, count));
      count = readSync(fd, buffer, 0, buffer.length, null);
    }
    return state.digest('hex') as Digest;
  } finally {
    closeSync(fd);
  }
}

/** SHA-256 of a file's bytes. A large file is read while the piece before is hashed. */
export async function digestFile(path: string, size: number): Promise<Digest> {
  if (size <= SMALL) return digestFileSync(path);
  await using file = await open(path, 'r');
  const state = createHash('sha256');
  let [current, next] = [Buffer.allocUnsafe(CHUNK), Buffer.allocUnsafe(CHUNK)];
  let pending = file.read(current, 0, CHUNK, null);
  for (;;) {
    const { bytesRead } = await pending;
    if (bytesRead === 0) return state.digest('hex') as Digest;
    pending = file.read(next, 0, CHUNK, null);
    state.update(current.subarray(0, bytesRead));
    [current, next] = [next, current];
  }
}

let buffer: Buffer | undefined;

function sharedBuffer(): Buffer {
  buffer ??= Buffer.allocUnsafe(SMALL);
  return buffer;
}
