import { createHash } from 'node:crypto';
import type { Digest } from '../../core/ids.ts';
import { isOutputKind } from '../../core/kinds.ts';
import type { ArtifactWrite } from '../../engine/tracking-port.ts';

/** Tags that hold what a foreign server has no column for. They are not shown among a run's own. */
export const TAGS = {
  /** The id that the writer chose: what makes a second write the same run. */
  id: 'stockpot.id',
  cursor: 'stockpot.cursor',
  /** The fingerprint of the result that the run is the first to show. */
  result: 'stockpot.result',
  /** Of one that was made at the same time as another: the id that stays. */
  duplicateOf: 'stockpot.duplicate_of',
  /** Of a model version. */
  modelDigest: 'stockpot.model_digest',
  /** Of a model version: the id, as chosen by its writer, of the run that registered it. */
  run: 'stockpot.run',
} as const;

const ARTIFACT = 'stockpot.artifact.';
const ALIAS = 'stockpot.alias.';

const INTERNAL: ReadonlySet<string> = new Set(Object.values(TAGS));

export function isInternal(key: string): boolean {
  return INTERNAL.has(key) || key.startsWith(ARTIFACT) || key.startsWith(ALIAS);
}

/** Of a model version: when an alias was given to it. */
export function aliasTag(alias: string, at: number): { key: string; value: string } {
  return { key: ALIAS + short(alias), value: JSON.stringify({ alias, at }) };
}

/** The aliases that a version was ever given, and when last. */
export function aliasesOfTags(tags: ReadonlyMap<string, string>): { alias: string; at: number }[] {
  return [...tags].flatMap(([key, value]) => {
    if (!key.startsWith(ALIAS)) return [];
    const { alias, at } = JSON.parse(value) as Record<string, unknown>;
    return [{ alias: String(alias), at: Number(at) }];
  });
}

/** An artifact as a tag of its run; the note says why its bytes are not on the server. */
export function artifactTag(
  { path, digest, size, kind }: ArtifactWrite,
  note: string | undefined,
): { key: string; value: string } {
  return { key: ARTIFACT + short(path), value: JSON.stringify({ path, digest, size, kind, note }) };
}

/** Artifacts by the tags of a run, by path. */
export function artifactsOfTags(tags: ReadonlyMap<string, string>): ArtifactWrite[] {
  return [...tags]
    .flatMap(([key, value]): ArtifactWrite[] => {
      if (!key.startsWith(ARTIFACT)) return [];
      const { path, digest, size, kind } = JSON.parse(value) as Record<string, unknown>;
      const name = String(kind);
      if (!isOutputKind(name)) return [];
      return [{ path: String(path), digest: String(digest) as Digest, size: Number(size), kind: name }];
    })
    .toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

/** A name of any length and with any characters, as the end of a key. */
function short(name: string): string {
  return createHash('sha256').update(name).digest('hex').slice(0, 16);
}
