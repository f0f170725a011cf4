import { existsSync } from 'node:fs';
import type { OutputRef } from '../core/events.ts';
import type { Store } from '../store/store.ts';
import { type TreeFile, treeText } from '../store/trees.ts';
import type { RecordedArtifact } from './recorded-report.ts';
import type { RecordedFile, Recording } from './recorder-port.ts';

/**
 * Moves logged files into the store. What lies below one folder of a run is kept as one: a model, if the
 * folder is one.
 */
export async function storeRecorded(store: Store, { own, nested }: Recording): Promise<RecordedArtifact[]> {
  const artifacts: RecordedArtifact[] = [];
  for (const { files, number } of [{ ...own, number: undefined }, ...nested])
    for (const [path, below] of Map.groupBy(files, topOf))
      artifacts.push({
        path,
        ...(await storeTop(path, below, store)),
        ...(number === undefined ? {} : { run: number }),
      });
  return artifacts;
}

function topOf({ path }: RecordedFile): string {
  return path.split('/')[0] ?? path;
}

async function storeTop(top: string, files: readonly RecordedFile[], store: Store): Promise<OutputRef> {
  const [first] = files;
  if (first !== undefined && first.path === top) return { ...(await move(first, store)), kind: 'file' };
  const tree: TreeFile[] = [];
  for (const file of files)
    tree.push({ path: file.path.slice(top.length + 1), ...(await move(file, store)) });
  const { digest } = await store.blobs.putDurably(treeText(tree));
  return {
    digest,
    size: tree.reduce((sum, { size }) => sum + size, 0),
    kind: tree.some(({ path }) => path === 'MLmodel') ? 'model' : 'directory',
  };
}

/** One that is not where it was, but in the store, was moved before: as another of the same bytes, or by whoever died then. */
async function move(
  { file, digest, size }: RecordedFile,
  { blobs }: Store,
): Promise<Pick<OutputRef, 'digest' | 'size'>> {
  return existsSync(file) || !blobs.has(digest, size) ? blobs.putFile(file) : { digest, size };
}
