import { statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { RecipeError } from '../../core/recipe-error.ts';
import type { Reader } from '../../db/reader.ts';
import type { Findings } from './findings.ts';
import { foldersIn, mapIn } from './folder.ts';
import { folderSource } from './folder-source.ts';
import { mlflowRevision } from './mlflow-revision.ts';
import type { MlflowSource } from './mlflow-source.ts';
import { openReader } from './open-reader.ts';
import { parseSource, type SourceAddress } from './parse-source.ts';
import { REVISIONS } from './revisions.ts';
import { sqlSource } from './sql-source.ts';

/**
 * Opens an MLflow store to read it: the file or address of a database, or a folder `mlruns/`.
 *
 * @throws RecipeError IMPORT_SOURCE_INVALID, IMPORT_SCHEMA_UNKNOWN, DATABASE_UNREACHABLE
 */
export async function openSource(text: string, cwd: string, findings: Findings): Promise<MlflowSource> {
  const address = parseSource(text);
  if (address === undefined)
    throw new RecipeError('IMPORT_SOURCE_INVALID', {
      source: shown(text),
      problem: 'it is neither a file, a folder, sqlite:/// nor postgresql://',
    });
  const path = address.kind === 'path' ? resolve(cwd, address.path) : undefined;
  if (path !== undefined && statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) {
    if (!(await isStore(path)))
      throw new RecipeError('IMPORT_SOURCE_INVALID', {
        source: path,
        problem: 'the folder holds no experiments as MLflow lays them',
      });
    return folderSource({ dir: path, findings });
  }
  const reader = await readerOf(path === undefined ? address : { kind: 'path', path });
  try {
    const revision = await mlflowRevision(reader);
    if (revision === undefined)
      throw new RecipeError('IMPORT_SOURCE_INVALID', {
        source: path ?? shown(text),
        problem: 'it is no database that MLflow made',
      });
    if (!REVISIONS.includes(revision))
      throw new RecipeError('IMPORT_SCHEMA_UNKNOWN', {
        source: path ?? shown(text),
        revision,
        first: REVISIONS[0] ?? '',
        last: REVISIONS.at(-1) ?? '',
      });
    return sqlSource({ reader, findings, revision, base: path === undefined ? cwd : dirname(path) });
  } catch (error) {
    await reader[Symbol.asyncDispose]();
    throw error;
  }
}

async function readerOf(address: SourceAddress): Promise<Reader> {
  try {
    return await openReader(address);
  } catch (cause) {
    if (address.kind === 'postgres') throw cause;
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw new RecipeError('IMPORT_SOURCE_INVALID', { source: address.path, problem }, { cause });
  }
}

async function isStore(dir: string): Promise<boolean> {
  for (const name of await foldersIn(dir))
    if ((await mapIn(join(dir, name, 'meta.yaml')))?.['experiment_id'] !== undefined) return true;
  return false;
}

/** An address without its password. */
function shown(text: string): string {
  return text.replace(/\/\/[^/@]*@/, '//…@');
}
