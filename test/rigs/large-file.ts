import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { digestOf } from '../../src/store/hash.ts';

/** A file of bytes that differ from part to part. */
export class LargeFile implements Disposable {
  readonly #dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
  readonly path = join(this.#dir, 'file');
  readonly size: number;
  readonly digest: ReturnType<typeof digestOf>;

  constructor(size: number) {
    const bytes = Buffer.alloc(size);
    for (let at = 0; at < size; at += 4096) bytes.writeUInt16BE((at / 4096) & 0xffff, Math.min(at, size - 2));
    writeFileSync(this.path, bytes);
    this.size = size;
    this.digest = digestOf(bytes);
  }

  [Symbol.dispose](): void {
    rmSync(this.#dir, { recursive: true });
  }
}
