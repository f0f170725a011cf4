import {
  closeSync,
  copyFileSync,
  existsSync,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  realpathSync,
} from 'node:fs';
import { join } from 'node:path';
import type { OutputRef } from '../core/events.ts';
import { failpoint } from '../core/failpoint.ts';
import type { Failure } from '../core/failure.ts';
import { isTree, type OutputKind } from '../core/kinds.ts';
import type { PlanOutput } from '../core/plan.ts';
import type { Store } from '../store/store.ts';
import { type TreeFile, treeText, walkFolder } from '../store/trees.ts';

/** Whether every declared output is there and is what its kind says; the failure if not. */
export function checkOutputs(
  outDir: string,
  outputs: Readonly<Record<string, PlanOutput>>,
): Failure | undefined {
  const missing = Object.entries(outputs).filter(([, { path }]) => !existsSync(join(outDir, path)));
  if (missing.length > 0)
    return { reason: 'missing-output', outputs: missing.map(([name, { path }]) => `${name} (${path})`) };
  for (const [output, { path, kind }] of Object.entries(outputs)) {
    const detail = breach(join(outDir, path), kind);
    if (detail !== undefined) return { reason: 'bad-output', output, detail };
  }
  return undefined;
}

/** Names in `out/` that no output declares: they are dropped. A step without outputs has no such folder. */
export function undeclared(outDir: string, outputs: Readonly<Record<string, PlanOutput>>): string[] {
  const declared = new Set(Object.values(outputs).map(({ path }) => path.split('/')[0]));
  if (declared.size === 0) return [];
  return readdirSync(outDir).filter((name) => !declared.has(name));
}

/** Moves the outputs into the store. Nothing refers to them until the result does. */
export async function storeOutputs(
  store: Store,
  outDir: string,
  outputs: Readonly<Record<string, PlanOutput>>,
): Promise<Record<string, OutputRef>> {
  const stored: Record<string, OutputRef> = {};
  for (const [name, { path, kind }] of Object.entries(outputs)) {
    const source = join(outDir, path);
    stored[name] = isTree(kind)
      ? { ...(await storeFolder(store, source)), kind }
      : { ...(await storeFile(store, source)), kind };
  }
  return stored;
}

async function storeFolder(store: Store, folder: string): Promise<Pick<OutputRef, 'digest' | 'size'>> {
  const { files, links, emptyFolders } = walkFolder(folder);
  const entries: TreeFile[] = [];
  for (const { path, executable } of [...files, ...links.map(({ path }) => ({ path, executable: false }))]) {
    const { digest, size } = await storeFile(store, join(folder, path));
    entries.push({ path, digest, size, ...(executable ? { executable: true as const } : {}) });
  }
  failpoint('tree.before-write');
  const { digest } = await store.blobs.putDurably(treeText(entries, emptyFolders));
  return { digest, size: entries.reduce((sum, entry) => sum + entry.size, 0) };
}

/** A link, or a file that has a second name, is copied: nobody else may hold a name of a blob. */
async function storeFile(store: Store, path: string): Promise<Pick<OutputRef, 'digest' | 'size'>> {
  const stats = lstatSync(path);
  if (!stats.isSymbolicLink() && stats.nlink === 1) return store.blobs.putFile(path);
  const copy = `${path}.stockpot-copy`;
  copyFileSync(realpathSync(path), copy);
  return store.blobs.putFile(copy);
}

/** How an output breaks its kind's contract; undefined if it keeps it. */
function breach(path: string, kind: OutputKind): string | undefined {
  const isFolder = lstatSync(realpathSync(path)).isDirectory();
  if (isTree(kind) !== isFolder)
    return isFolder ? 'a folder where a file is declared' : 'a file where a folder is declared';
  switch (kind) {
    case 'file':
    case 'directory':
      return undefined;
    case 'model':
      return existsSync(join(path, 'MLmodel')) ? undefined : 'it holds no file MLmodel';
    case 'table':
      return isParquet(path) ? undefined : 'it is not a Parquet file';
    case 'value':
      return parsed(path) === undefined ? 'it is not JSON' : undefined;
    case 'metrics': {
      const value = parsed(path)?.value;
      const isMap = typeof value === 'object' && value !== null && !Array.isArray(value);
      return isMap && Object.values(value).every((metric) => typeof metric === 'number')
        ? undefined
        : 'it is not a JSON map of names to numbers';
    }
  }
}

function parsed(path: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(readFileSync(path, 'utf8')) as unknown };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Both ends of a Parquet file say so; one without the end was cut off. */
function isParquet(path: string): boolean {
  const fd = openSync(path, 'r');
  try {
    const { size } = fstatSync(fd);
    if (size < 12) return false;
    const ends = Buffer.alloc(8);
    readSync(fd, ends, 0, 4, 0);
    readSync(fd, ends, 4, 4, size - 4);
    return ends.toString('latin1') === 'PAR1PAR1';
  } finally {
    closeSync(fd);
  }
}
