import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { S3Server } from './s3-server.ts';

/** What becomes of a stored blob: a bit of it changes, or it is gone. */
export type Damage = 'flip' | 'remove';

export function damageFile(path: string, how: Damage): void {
  const bytes = readFileSync(path);
  rmSync(path);
  if (how === 'flip') writeFileSync(path, flipped(bytes), { mode: 0o444 });
}

/** @param path of the object, its bucket first */
export function damageObject(server: S3Server, path: string, how: Damage): void {
  const bytes = server.objects.get(path)?.bytes;
  if (bytes === undefined) throw new Error(`there is no ${path}`);
  server.objects.delete(path);
  if (how === 'flip') server.store(path, flipped(bytes));
}

function flipped(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy[0] = (copy[0] ?? 0) ^ 1;
  return copy;
}
