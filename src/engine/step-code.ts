import { globSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize, resolve } from 'node:path';
import type { Digest } from '../core/ids.ts';
import type { PlanStep } from '../core/plan.ts';
import { RecipeError } from '../core/recipe-error.ts';
import type { FileDigests } from '../store/file-digests.ts';
import { byBytes } from '../store/trees.ts';
import { importsOf } from './imports-of.ts';
import { walkProject } from './walk-project.ts';

export interface StepCode {
  readonly files: readonly { readonly path: string; readonly digest: Digest }[];
  /** Packages that the code imports, as `name@version` of the lock where it has them. */
  readonly packages: readonly string[];
}

const NONE: StepCode = { files: [], packages: [] };

/**
 * The project's code of steps: the entry, what it imports without going through packages, and what
 * `code:` names. Read once a run, however many steps share a file.
 */
export class CodeBook {
  readonly #projectDir: string;
  readonly #files: FileDigests;
  readonly #imports = new Map<string, readonly string[]>();
  #versions: ReadonlyMap<string, string> | undefined;

  constructor(projectDir: string, files: FileDigests) {
    this.#projectDir = projectDir;
    this.#files = files;
  }

  /** @throws RecipeError CODE_NOT_FOUND */
  of(step: PlanStep): StepCode {
    const { action } = step;
    if (action.kind !== 'own' && step.code.length === 0) return NONE;
    const paths = new Set<string>();
    const packages = new Set<string>();
    if (action.kind === 'own') {
      if (!this.#isFile(action.entry))
        throw new RecipeError(
          'CODE_NOT_FOUND',
          { step: step.id, path: `./${action.entry}` },
          { at: step.at },
        );
      this.#addClosure(action.entry, paths, packages);
    }
    for (const pattern of step.code) for (const path of this.#expand(step, pattern)) paths.add(path);
    const files = [...paths].toSorted(byBytes).map((path) => {
      const file = this.#files.sync(resolve(this.#projectDir, path));
      if (file === undefined)
        throw new RecipeError('CODE_NOT_FOUND', { step: step.id, path: `./${path}` }, { at: step.at });
      return { path, digest: file.digest };
    });
    return { files, packages: [...packages].toSorted(byBytes) };
  }

  /** A module of the project and all that it imports of it. */
  closure(entry: string): StepCode {
    const paths = new Set<string>();
    const packages = new Set<string>();
    this.#addClosure(entry, paths, packages);
    const files = [...paths].toSorted(byBytes).flatMap((path) => {
      const file = this.#files.sync(resolve(this.#projectDir, path));
      return file === undefined ? [] : [{ path, digest: file.digest }];
    });
    return { files, packages: [...packages].toSorted(byBytes) };
  }

  #addClosure(entry: string, paths: Set<string>, packages: Set<string>): void {
    const pending = [entry];
    for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
      if (paths.has(path)) continue;
      paths.add(path);
      for (const specifier of this.#importsOf(path)) {
        if (!specifier.startsWith('.')) packages.add(this.#packageOf(specifier));
        else {
          const found = this.#resolve(normalize(join(dirname(path), specifier)));
          if (found !== undefined) pending.push(found);
        }
      }
    }
    packages.delete('');
  }

  #importsOf(path: string): readonly string[] {
    let found = this.#imports.get(path);
    if (found === undefined) {
      found = importsOf(path, readFileSync(resolve(this.#projectDir, path), 'utf8'));
      this.#imports.set(path, found);
    }
    return found;
  }

  /** A relative import as a file of the project; undefined where it is none of ours. */
  #resolve(path: string): string | undefined {
    if (path.startsWith('..')) return undefined;
    return [path, `${path}.ts`, `${path}.js`, `${path}.py`, `${path}/__init__.py`].find((candidate) =>
      this.#isFile(candidate),
    );
  }

  #isFile(path: string): boolean {
    return statSync(resolve(this.#projectDir, path), { throwIfNoEntry: false })?.isFile() === true;
  }

  #packageOf(specifier: string): string {
    if (specifier.startsWith('node:') || specifier === 'stockpot' || specifier.startsWith('stockpot/'))
      return '';
    const [scope = '', name = ''] = specifier.split('/');
    const full = scope.startsWith('@') ? `${scope}/${name}` : scope;
    const version = this.#lock().get(full);
    return version === undefined ? full : `${full}@${version}`;
  }

  #lock(): ReadonlyMap<string, string> {
    this.#versions ??= readLock(resolve(this.#projectDir, 'package-lock.json'));
    return this.#versions;
  }

  #expand(step: PlanStep, pattern: string): string[] {
    const stats = statSync(resolve(this.#projectDir, pattern), { throwIfNoEntry: false });
    if (stats?.isFile() === true) return [pattern];
    if (stats?.isDirectory() === true) return walkProject(this.#projectDir, pattern).map(({ path }) => path);
    const found = globSync(pattern, { cwd: this.#projectDir }).filter((path) =>
      statSync(resolve(this.#projectDir, path), { throwIfNoEntry: false })?.isFile(),
    );
    if (found.length === 0)
      throw new RecipeError('CODE_NOT_FOUND', { step: step.id, path: `./${pattern}` }, { at: step.at });
    return found;
  }
}

function readLock(path: string): ReadonlyMap<string, string> {
  const versions = new Map<string, string>();
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return versions;
  const lock = JSON.parse(readFileSync(path, 'utf8')) as { packages?: Record<string, { version?: string }> };
  for (const [key, { version }] of Object.entries(lock.packages ?? {})) {
    const name = /^node_modules\/((?:@[^/]+\/)?[^/]+)$/.exec(key)?.[1];
    if (name !== undefined && version !== undefined) versions.set(name, version);
  }
  return versions;
}
