import { isOfReadableModel, placeOf } from './artifact-things.ts';
import { on, type Policy } from './policy.ts';

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

function pathOf({ path = '' }: AtPath): string {
  return path.replace(/\/+$/, '');
}
