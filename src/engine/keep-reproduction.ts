import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { canonicalJson } from '../core/canonical-json.ts';
import type { ReportEntry } from '../core/events.ts';
import type { Json } from '../core/json.ts';
import { isTree, type OutputKind } from '../core/kinds.ts';
import type { Store } from '../store/store.ts';
import { readTree, type TreeFile, treeText } from '../store/trees.ts';
import { writeStream } from '../store/write-stream.ts';
import {
  type KeptReproduction,
  REPRODUCTION_FILE,
  type ReproducedFile,
  type Reproduction,
} from './reproduction.ts';

/** Bytes between two reports of progress. */
const REPORT_BYTES = 16 << 20;

export interface KeepOptions {
  readonly store: Store;
  readonly projectDir: string;
  readonly report: (entry: ReportEntry) => void;
}

/** Brings the bytes of a reproduction into the store, as one folder. */
export async function keepReproduction(
  reproduction: Reproduction,
  { store, projectDir, report }: KeepOptions,
): Promise<KeptReproduction> {
  const { blobs } = store;
  // As it is read back: without what JSON leaves out.
  const text = canonicalJson(JSON.parse(JSON.stringify(reproduction)) as Json);
  const tree: TreeFile[] = [{ path: REPRODUCTION_FILE, ...(await blobs.putDurably(text)) }];
  const files = reproduction.files.filter(({ isKept }) => isKept);
  const progress = progressOf(
    files.filter(({ role }) => role === 'input'),
    report,
  );
  for (const file of files) {
    await keepFile(file, store, projectDir, file.role === 'input' ? progress : () => {});
    tree.push({ path: `files/${file.path}`, digest: file.digest, size: file.size });
  }
  for (const { digest, kind, size, isKept } of reproduction.references) {
    if (!isKept || digest === 'none') continue;
    const path = `references/${digest}`;
    if (!isTree(kind as OutputKind)) tree.push({ path, digest, size });
    else {
      // The folder as the store knows it: which of its files may be executed, too.
      tree.push({ path: `${path}.tree`, digest, size: blobs.size(digest) ?? 0 });
      for (const file of readTree(blobs, digest).files)
        tree.push({ path: `${path}/${file.path}`, digest: file.digest, size: file.size });
    }
  }
  const { digest } = await blobs.putDurably(treeText(tree));
  await blobs.settle();
  return { digest, size: tree.reduce((sum, { size }) => sum + size, 0) };
}

/** Says how much of the root inputs is kept, at the beginning, now and then, and at the end. */
function progressOf(
  inputs: readonly ReproducedFile[],
  report: (entry: ReportEntry) => void,
): (bytes: number) => void {
  const total = inputs.reduce((sum, { size }) => sum + size, 0);
  let done = 0;
  let said = 0;
  const say = (): void =>
    report({ type: 'progress', done, total, unit: 'bytes', note: 'keeps what the model was made from' });
  if (total > 0) say();
  return (bytes) => {
    done += bytes;
    if (done - said < REPORT_BYTES && done < total) return;
    said = done;
    say();
  };
}

async function keepFile(
  { path, from = path, digest, size }: ReproducedFile,
  { blobs, layout }: Store,
  projectDir: string,
  progress: (bytes: number) => void,
): Promise<void> {
  if (blobs.has(digest, size) && (await blobs.verify(digest)) === 'ok') return progress(size);
  await mkdir(layout.tmp, { recursive: true });
  const temporary = join(layout.tmp, randomUUID());
  try {
    await writeStream(temporary, counted(createReadStream(resolve(projectDir, from)), progress), {
      flags: 'wx',
    });
    const kept = await blobs.putFile(temporary);
    if (kept.digest !== digest) throw new Error(`${from} was written to while it was kept`);
  } finally {
    await rm(temporary, { force: true });
  }
}

async function* counted(
  chunks: AsyncIterable<Buffer>,
  progress: (bytes: number) => void,
): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    progress(chunk.byteLength);
    yield chunk;
  }
}
