import { checkPath } from './artifact-path.ts';
import { isOfReadableModel, placeOf } from './artifact-things.ts';
import { on, type Policy } from './policy.ts';
import { withoutSlashes } from './without-slashes.ts';

interface AtPath {
  readonly path?: string | undefined;
}

/** Files of an experiment, or of a model's version: who may read the one or the other. */
export const READ_FILES: Policy<AtPath> = on('READ', async (sql, request, asking) => {
  const path = pathOf(request);
  return (await isOfReadableModel(sql, asking, path)) ? [] : placeOf(sql, path);
});

export const WRITE_FILES: Policy<AtPath> = on('EDIT', (sql, request) => placeOf(sql, pathOf(request)));

/** Whoever may only write loses nothing of others. */
export const DELETE_FILES: Policy<AtPath> = on('MANAGE', (sql, request) => placeOf(sql, pathOf(request)));

/** @throws MlflowError INVALID_PARAMETER_VALUE for what is no path, before a database is asked about it */
function pathOf({ path = '' }: AtPath): string {
  const trimmed = withoutSlashes(path);
  if (trimmed !== '') checkPath(trimmed);
  return trimmed;
}
