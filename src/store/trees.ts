import { lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { canonicalJson } from '../core/canonical-json.ts';
import type { Digest } from '../core/ids.ts';
import type { Json } from '../core/json.ts';
import type { ReadableBlobs } from './blobs.ts';

/**
 * A folder by content: its files by path, in byte order, and the folders that hold nothing. Of a file's
 * mode only the right to execute counts; owners and times do not.
 */
export interface Tree {
  readonly v: 1;
  readonly files: readonly TreeFile[];
  readonly emptyFolders: readonly string[];
}

export interface TreeFile {
  /** Relative to the folder, with `/`. */
  readonly path: string;
  readonly digest: Digest;
  readonly size: number;
  readonly executable?: true;
}

/** The bytes whose SHA-256 is the folder's digest. */
export function treeText(files: readonly TreeFile[], emptyFolders: readonly string[] = []): string {
  return canonicalJson({
    v: 1,
    files: files.toSorted((a, b) => byBytes(a.path, b.path)) as unknown as Json,
    emptyFolders: emptyFolders.toSorted(byBytes),
  });
}

export function treeSize(tree: Tree): number {
  return tree.files.reduce((sum, file) => sum + file.size, 0);
}

export function readTree(blobs: ReadableBlobs, digest: Digest): Tree {
  return JSON.parse(blobs.read(digest).toString('utf8')) as Tree;
}

/** Files and empty folders below `root`, without following links. Anything but files, folders and links is an error. */
export function walkFolder(root: string): {
  files: { path: string; executable: boolean }[];
  links: { path: string; target: string }[];
  emptyFolders: string[];
} {
  const files: { path: string; executable: boolean }[] = [];
  const links: { path: string; target: string }[] = [];
  const emptyFolders: string[] = [];
  const pending = [''];
  for (let dir = pending.pop(); dir !== undefined; dir = pending.pop()) {
    const entries = readdirSync(join(root, dir), { withFileTypes: true });
    if (entries.length === 0 && dir !== '') emptyFolders.push(dir);
    for (const entry of entries) {
      const path = dir === '' ? entry.name : `${dir}/${entry.name}`;
      if (entry.isDirectory()) pending.push(path);
      else if (entry.isSymbolicLink()) links.push({ path, target: readlinkSync(join(root, path)) });
      else if (entry.isFile()) files.push({ path, executable: isExecutable(join(root, path)) });
      else throw new Error(`${path} is neither a file nor a folder`);
    }
  }
  return { files, links, emptyFolders };
}

function isExecutable(path: string): boolean {
  return (lstatSync(path).mode & 0o100) !== 0;
}

/** Order of UTF-8 bytes; `<` on strings compares UTF-16 and differs beyond the basic plane. */
export function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
