import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { digestOf } from '../store/hash.ts';

/** Where a file or folder of a `file:` address lies in a project that is laid out anew. */
export function outsidePath(uri: string): string {
  return `outside/${digestOf(uri).slice(0, 12)}/${basename(fileURLToPath(uri))}`;
}
