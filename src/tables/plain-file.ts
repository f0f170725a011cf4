import { randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { extname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';

/**
 * The file itself, or an unpacked copy of it in `tmp`. Unpacked as a whole before anything is read: a
 * reader that meets the end of a cut archive at the end of a line would take it for the end of the rows.
 */
export async function plainFile(file: string, tmp: string): Promise<string> {
  const packed = /\.(?:gz|zst)$/i.exec(file)?.[0].toLowerCase();
  if (packed === undefined) return file;
  const target = join(tmp, `${randomUUID()}${extname(file.slice(0, -packed.length))}`);
  await pipeline(
    createReadStream(file),
    packed === '.gz' ? createGunzip() : createZstdDecompress(),
    createWriteStream(target),
  );
  return target;
}
