import { hasCode, RecipeError } from '../core/recipe-error.ts';

/** Says what the disk's error means for the user; any other error is given back as it is. */
export function diskError(error: unknown, path: string): unknown {
  if (isDiskFull(error)) return new RecipeError('DISK_FULL', { path }, { cause: error });
  if (hasCode(error, 'EACCES') || hasCode(error, 'EROFS') || hasCode(error, 'EPERM'))
    return new RecipeError('HOME_READ_ONLY', { path }, { cause: error });
  return error;
}

export function isDiskFull(error: unknown): boolean {
  return hasCode(error, 'ENOSPC') || hasCode(error, 'EDQUOT');
}
