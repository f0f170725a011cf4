import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';

/** How a file is made, as `createWriteStream` takes it. */
type FileOptions = Exclude<Parameters<typeof createWriteStream>[1], string | undefined>;

/**
 * Writes bytes as they come to a file that is closed when this ends, well or not: whoever removes it after a
 * failure does not remove it before it was made.
 */
export async function writeStream(
  path: string,
  bytes: AsyncIterable<Uint8Array>,
  options: FileOptions,
): Promise<void> {
  const file = createWriteStream(path, options);
  const closed = new Promise<void>((resolve) => file.once('close', resolve));
  try {
    await pipeline(bytes, file);
  } finally {
    await closed;
  }
}
