import type { Digest } from '../../src/core/ids.ts';
import type { ArtifactFiles } from '../../src/tracking/rest/artifact-files.ts';

/** Every folder has this one file, whatever its digest: for suites that name contents without having them. */
export const REAL_FILES: ArtifactFiles = {
  of: (_, kind) => [
    { path: kind === 'model' ? 'MLmodel' : kind === 'directory' ? 'x' : '', file: import.meta.filename },
  ],
  keep: async () => 'f'.repeat(64) as Digest,
};
