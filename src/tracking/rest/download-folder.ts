import type { Digest } from '../../core/ids.ts';
import type { ArtifactFiles } from './artifact-files.ts';
import type { RestClient } from './rest-client.ts';

/** Brings a folder of the space of artifacts into the store, and gives its digest. */
export async function downloadFolder(
  root: string,
  { client, files }: { readonly client: RestClient; readonly files: ArtifactFiles },
): Promise<Digest> {
  const sent: { path: string; bytes: AsyncIterable<Uint8Array> }[] = [];
  for (const path of await pathsBelow(root, client))
    sent.push({ path, bytes: later(() => client.download(`${root}/${path}`)) });
  return files.keep(sent);
}

async function pathsBelow(root: string, client: RestClient): Promise<string[]> {
  const paths: string[] = [];
  for (const pending = ['']; pending.length > 0; ) {
    const dir = pending.pop() ?? '';
    for (const file of await client.listFiles(`${root}${dir}`)) {
      const path = `${dir}/${file.name}`;
      if (file.isFolder) pending.push(path);
      else paths.push(path.slice(1));
    }
  }
  return paths.toSorted((a, b) => (a < b ? -1 : 1));
}

async function* later(open: () => Promise<AsyncIterable<Uint8Array>>): AsyncIterable<Uint8Array> {
  yield* await open();
}
