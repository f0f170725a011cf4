import { hash } from 'node:crypto';
import { globSync, readFileSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { hasCode, RecipeError } from '../core/recipe-error.ts';
import { MAX_SOURCE_BYTES, Source } from './source.ts';

/** A question that a plan asked of the file system, and its answer: while all hold, the plan holds. */
export type Asked =
  | { readonly kind: 'file'; readonly path: string; readonly digest: string }
  | { readonly kind: 'missing' | 'present'; readonly path: string }
  | { readonly kind: 'glob'; readonly pattern: string; readonly found: readonly string[] };

/**
 * Reads the files that a plan is made of and keeps a list of what it asked. Paths are absolute, or
 * relative to the project.
 */
export class FileReader {
  readonly #projectDir: string;
  readonly #asked = new Map<string, Asked>();
  readonly #sources = new Map<string, Source | undefined>();

  constructor(projectDir: string) {
    this.#projectDir = projectDir;
  }

  get asked(): readonly Asked[] {
    return [...this.#asked.values()];
  }

  /** The file as a source; undefined if there is none. */
  read(path: string): Source | undefined {
    if (this.#sources.has(path)) return this.#sources.get(path);
    const source = this.#readSource(path);
    this.#sources.set(path, source);
    return source;
  }

  /** Only regular files are opened: a pipe would wait for its other end, a device never ends. */
  #readSource(path: string): Source | undefined {
    const at = { file: path, line: 1, column: 1 };
    const stats = statOf(this.#absolute(path));
    if (stats === undefined) {
      this.#asked.set(path, { kind: 'missing', path });
      return undefined;
    }
    if (!stats.isFile())
      throw new RecipeError(
        'YAML_INVALID',
        { file: path, problem: stats.isDirectory() ? 'it is a folder' : 'it is no regular file' },
        { at },
      );
    if (stats.size > MAX_SOURCE_BYTES)
      throw new RecipeError('FILE_TOO_LARGE', { file: path, limit: '16 MiB' }, { at });
    try {
      const bytes = readFileSync(this.#absolute(path));
      this.#asked.set(path, { kind: 'file', path, digest: hash('sha256', bytes, 'hex') });
      // Columns are counted as an editor does, which shows no byte order mark.
      return new Source(path, bytes.toString('utf8').replace(/^\ufeff/, ''));
    } catch (cause) {
      if (!hasCode(cause, 'EACCES')) throw cause;
      throw new RecipeError('YAML_INVALID', { file: path, problem: 'it may not be read' }, { at, cause });
    }
  }

  isFolder(path: string): boolean {
    return this.#stat(path)?.isDirectory() === true;
  }

  isFile(path: string): boolean {
    return this.#stat(path)?.isFile() === true;
  }

  /** Paths that match, sorted. */
  glob(pattern: string): string[] {
    const found = globSync(pattern, { cwd: this.#projectDir }).toSorted((a, b) => (a < b ? -1 : 1));
    this.#asked.set(`glob:${pattern}`, { kind: 'glob', pattern, found });
    return found;
  }

  #stat(path: string): Stats | undefined {
    const stats = statOf(this.#absolute(path));
    if (!this.#asked.has(path))
      this.#asked.set(path, { kind: stats === undefined ? 'missing' : 'present', path });
    return stats;
  }

  #absolute(path: string): string {
    return path.startsWith('/') ? path : join(this.#projectDir, path);
  }
}

/** Whether everything a plan asked would be answered the same today. */
export function stillHolds(asked: readonly Asked[], projectDir: string): boolean {
  const absolute = (path: string): string => (path.startsWith('/') ? path : join(projectDir, path));
  return asked.every((question) => {
    switch (question.kind) {
      case 'file': {
        if (statOf(absolute(question.path))?.isFile() !== true) return false;
        return hash('sha256', readFileSync(absolute(question.path)), 'hex') === question.digest;
      }
      case 'missing':
      case 'present':
        return (statOf(absolute(question.path)) === undefined) === (question.kind === 'missing');
      case 'glob': {
        const found = globSync(question.pattern, { cwd: projectDir }).toSorted((a, b) => (a < b ? -1 : 1));
        return (
          found.length === question.found.length &&
          found.every((path, index) => path === question.found[index])
        );
      }
    }
  });
}

/** What is at `path`; undefined for a path that nothing can be at, too: too long, leading back to itself. */
function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch (error) {
    const codes = ['ENAMETOOLONG', 'ELOOP', 'EACCES', 'ERR_INVALID_ARG_VALUE'];
    if (codes.some((code) => hasCode(error, code))) return undefined;
    throw error;
  }
}
