import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { S3Server } from './s3-server.ts';

/** What becomes of a stored blob: a bit of it changes, or it is gone. */
export type Damage = 'flip' | 'remove';

/** @param at which byte is flipped, counted round and round */
export function damageFile(path: string, how: Damage, at = 0): void {
  const bytes = readFileSync(path);
  rmSync(path);
  if (how === 'flip') writeFileSync(path, flipped(bytes, at), { mode: 0o444 });
}

/** @param path of the object, its bucket first */
export function damageObject(server: S3Server, path: string, how: Damage, at = 0): void {
  const bytes = server.objects.get(path)?.bytes;
  if (bytes === undefined) throw new Error(`there is no ${path}`);
  server.objects.delete(path);
  if (how === 'flip') server.store(path, flipped(bytes, at));
}

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  const nth = at % copy.length;
  copy[nth] = (copy[nth] ?? 0) ^ 1;
  return copy;
}
