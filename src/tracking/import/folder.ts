import type { Dirent } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { hasCode } from '../../core/recipe-error.ts';
import type { Tag } from '../mlflow/messages.ts';
import type { Cells } from './cells.ts';

/** Names of the folders below one; none if it is not there. */
export async function foldersIn(dir: string): Promise<readonly string[]> {
  const entries = await entriesOf(dir, false);
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

/** What MLflow keeps as one file for each key: parameters, tags. A key may have slashes. */
export async function pairsIn(dir: string, cells: Cells): Promise<readonly Tag[]> {
  const pairs: Tag[] = [];
  for (const key of await keysIn(dir)) {
    const bytes = await readFile(join(dir, key));
    // What it writes is read back without the end of a line.
    const value = (cells.text(bytes, `${key} in ${dir}`) ?? '').replace(/\n$/, '');
    pairs.push({ key: cells.text(key, dir) ?? '', value });
  }
  return pairs;
}

/** Paths of the files below a folder. */
export async function keysIn(dir: string): Promise<readonly string[]> {
  const entries = await entriesOf(dir, true);
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(dir.length + 1));
}

/** A YAML file that holds a map; undefined if it is not there or holds none. */
export async function mapIn(path: string): Promise<Readonly<Record<string, unknown>> | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR')) return undefined;
    throw error;
  }
  try {
    const value: unknown = parse(text, { intAsBigInt: false });
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

async function entriesOf(dir: string, recursive: boolean): Promise<Dirent[]> {
  try {
    return await listing(dir, recursive);
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'ENOTDIR')) return [];
    throw error;
  }
}

function listing(dir: string, recursive: boolean): Promise<Dirent[]> {
  return readdir(dir, { withFileTypes: true, recursive });
}
