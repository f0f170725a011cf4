import { closeSync, openSync, readSync } from 'node:fs';
import type { Digest } from '../core/ids.ts';
import type { Blobs } from './blobs.ts';

/** How `treeText` begins. */
const TREE = Buffer.from('{"emptyFolders":[');
/** What is larger is no list of a folder's files: that would be of half a million. */
const MAX_TREE = 64 << 20;

/**
 * All that looks like a digest in a text that may say anything, and in the lists of folders that it names: never
 * less than what a result needs.
 */
export function digestsIn(text: string, blobs: Blobs): Set<Digest> {
  const named = quoted(text);
  const found = new Set(named);
  for (const digest of named) {
    const size = blobs.size(digest);
    if (size === undefined || size > MAX_TREE || size < TREE.length) continue;
    const list = listIn(blobs.path(digest), size);
    for (const one of list === undefined ? [] : quoted(list)) found.add(one);
  }
  return found;
}

function quoted(text: string): Set<Digest> {
  return new Set(Array.from(text.matchAll(/"([0-9a-f]{64})"/g), ([, digest]) => digest as Digest));
}

function listIn(path: string, size: number): string | undefined {
  const fd = openSync(path, 'r');
  try {
    const start = Buffer.alloc(TREE.length);
    readSync(fd, start, 0, start.length, 0);
    if (!start.equals(TREE)) return undefined;
    const all = Buffer.alloc(size);
    return all.toString('utf8', 0, readSync(fd, all, 0, size, 0));
  } finally {
    closeSync(fd);
  }
}
