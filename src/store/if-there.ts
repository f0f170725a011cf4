import { readdirSync, readFileSync } from 'node:fs';
import { hasCode } from '../core/recipe-error.ts';

/** Names in a folder that another process may remove; none if it is not there. */
export function namesIn(dir: string): string[] {
  return ifThere(() => readdirSync(dir)) ?? [];
}

/** Text of a file that another process may remove; undefined if it is not there. */
export function textOf(path: string): string | undefined {
  return ifThere(() => readFileSync(path, 'utf8'));
}

function ifThere<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}
