import { openAsBlob } from 'node:fs';
import type { RegisterRequest } from '../../engine/registry-port.ts';
import { REPRODUCTION_TAG } from '../../engine/reproduction.ts';
import type { ArtifactFiles } from './artifact-files.ts';
import { reproductionPlace } from './reproduction-place.ts';
import type { RestClient } from './rest-client.ts';

/** Sends what a version can be made from again beside its model, unless it has one; gives its tag. */
export async function sendReproduction(
  { name, reproduction, modelDigest }: RegisterRequest,
  { source, tags }: { readonly source: string; readonly tags: ReadonlyMap<string, string> },
  { client, files }: { readonly client: RestClient; readonly files: ArtifactFiles },
): Promise<Readonly<Record<string, string>>> {
  if (reproduction === undefined || tags.has(REPRODUCTION_TAG)) return {};
  if (reproductionPlace(source, modelDigest)?.isOurs !== true) return {};
  const kept = await reproduction();
  const place = kept === undefined ? undefined : reproductionPlace(source, kept.digest);
  if (kept === undefined || place === undefined) return {};
  const found = files.of(kept.digest, 'directory');
  if (found === undefined) throw new Error(`Internal error: the reproduction of ${name} is not in the store`);
  for (const { path, file } of found) await client.upload(`${place.path}/${path}`, await openAsBlob(file));
  return { [REPRODUCTION_TAG]: kept.digest };
}
