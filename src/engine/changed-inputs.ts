import { resolve } from 'node:path';
import type { Store } from '../store/store.ts';
import type { ResolvedInput, Task } from './ports.ts';

/**
 * Names of the inputs whose bytes are not those of the fingerprint any more, once the step is done. Moved
 * stats alone are settled by hashing. A lent blob that a step wrote to is taken out of use.
 */
export async function changedInputs(
  task: Task,
  { store, projectDir }: { store: Store; projectDir: string },
): Promise<string[]> {
  const changed: string[] = [];
  for (const input of task.inputs)
    if (!(await isUnchanged(input, store, projectDir))) changed.push(input.name);
  for (const { path, digest } of task.code)
    if (store.files.sync(resolve(projectDir, path))?.digest !== digest) changed.push(path);
  return changed;
}

async function isUnchanged(input: ResolvedInput, store: Store, projectDir: string): Promise<boolean> {
  switch (input.from) {
    case 'none':
      return true;
    case 'project':
      return input.files.every(
        (file) => store.files.sync(resolve(projectDir, file.path))?.digest === file.digest,
      );
    case 'store':
      return !store.blobs.isTouched(input.digest) || (await store.blobs.verify(input.digest)) === 'ok';
    case 'cells':
      for (const { digest } of input.cells)
        if (store.blobs.isTouched(digest) && (await store.blobs.verify(digest)) !== 'ok') return false;
      return true;
    case 'list':
      for (const item of input.items) if (!(await isUnchanged(item.input, store, projectDir))) return false;
      return true;
  }
}
