import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { writeHashed } from '../../src/store/write-hashed.ts';
import { writeStream } from '../../src/store/write-stream.ts';

async function* broken(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('a');
  throw new Error('the server hung up');
}

/** What lies in a folder when all that was asked of the disk before is done. */
async function settled(folder: string): Promise<string[]> {
  for (let i = 0; i < 8; i++) await writeFile(join(folder, 'later'), '');
  return readdirSync(folder);
}

test.each([
  ['writeStream', (path: string) => writeStream(path, broken(), { flags: 'wx' })],
  ['writeHashed', (path: string) => writeHashed(path, broken(), { mode: 0o600, isDurable: false })],
])('%s: a file removed after its bytes broke off stays removed', async (_, write) => {
  const folder = mkdtempSync(join(tmpdir(), 'stockpot-'));
  try {
    for (let i = 0; i < 20; i++) {
      const path = join(folder, `file-${i}`);
      await expect(write(path)).rejects.toThrow('the server hung up');
      rmSync(path, { force: true });
    }
    expect(await settled(folder)).toEqual(['later']);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
