import { join } from 'node:path';
import { type CacheLayout, cacheLayout } from '../store/layout.ts';

/** Root of a recorder's space of artifacts. */
export const RECORDER_ROOT = 'mlflow-artifacts:';

/** Where a recorder keeps values, in its folder. */
export function recorderDatabase(dir: string): string {
  return join(dir, 'recorder.db');
}

/** Where it keeps the bytes of files. */
export function recorderFiles(dir: string): CacheLayout {
  return cacheLayout(join(dir, 'files'));
}
