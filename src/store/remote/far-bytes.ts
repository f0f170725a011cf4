import { RemoteUnreachable } from './remote.ts';

/** What remotes over the network have in common: how long they are waited for, and how their bytes are read. */

/** So often a request is made that fails for reasons that pass. */
export const TRIES = 4;
export const FIRST_PAUSE_MS = 200;
/** For an answer, and between two pieces of one. */
export const IDLE_MS = 60_000;
/** An error is no longer; a result is not cut. */
const MAX_TEXT = 64 << 20;

/** Bytes as they come, of the remote of this name; where they break off, RemoteUnreachable is thrown. */
export async function* reading(name: string, body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  try {
    yield* body;
  } catch (error) {
    throw broken(name, error);
  }
}

/** What kept an exchange from its end, as everybody here tells it. */
export function broken(name: string, error: unknown): RemoteUnreachable {
  if (error instanceof RemoteUnreachable) return error;
  const { message, code } = error as NodeJS.ErrnoException;
  // Node says nothing but a code where a name has several addresses, none of which answers.
  return new RemoteUnreachable(`${name}: ${message || code}`, { cause: error });
}

/**
 * All bytes as text.
 *
 * @throws RemoteUnreachable if there is no end to them
 */
export async function wholeText(name: string, body: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of body) {
    size += part.byteLength;
    if (size > MAX_TEXT) throw new RemoteUnreachable(`${name}: the answer does not end`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

/** What is after so many bytes, of a server that knows no ranges and sends all. */
export async function* after(bytes: AsyncIterable<Uint8Array>, count: number): AsyncIterable<Uint8Array> {
  let left = count;
  for await (const chunk of bytes) {
    if (left < chunk.byteLength) yield chunk.subarray(left);
    left = Math.max(0, left - chunk.byteLength);
  }
}

export async function* nothing(): AsyncIterable<Uint8Array> {}
