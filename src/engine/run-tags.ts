import { execFile } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Plan } from '../core/plan.ts';
import { cleanEnvironment } from './attempt-environment.ts';
import type { KeyValue } from './tracking-port.ts';

const run = promisify(execFile);
/** A working tree that takes longer to compare than this is said to be neither clean nor dirty. */
const STATUS_TIMEOUT_MS = 2000;

/** MLflow's tags of a recipe's run. */
export function runTags({ template, profile, recipe }: Plan, user: string | undefined): KeyValue[] {
  return [
    ...(user === undefined ? [] : [{ key: 'mlflow.user', value: user }]),
    { key: 'mlflow.source.type', value: 'RECIPE' },
    { key: 'mlflow.source.name', value: recipe },
    ...(template === undefined ? [] : [{ key: 'mlflow.pipeline.template.name', value: template }]),
    ...(profile === undefined ? [] : [{ key: 'mlflow.pipeline.profile.name', value: profile }]),
  ];
}

/** The commit that is checked out, read from `.git` itself: starting git would take longer than a cached run. */
export function gitTags(projectDir: string): KeyValue[] {
  const repository = findRepository(projectDir);
  const head = repository && read(join(repository.dir, 'HEAD'))?.trim();
  if (repository === undefined || head === undefined) return [];
  const ref = /^ref: (refs\/[^\s~^:?*[\\]+)$/.exec(head)?.[1];
  if (ref === undefined)
    return /^[0-9a-f]{40,64}$/.test(head) ? [{ key: 'mlflow.source.git.commit', value: head }] : [];
  const packed = read(join(repository.common, 'packed-refs'))
    ?.split('\n')
    .find((line) => line.endsWith(` ${ref}`));
  const commit = read(join(repository.common, ref))?.trim() ?? packed?.split(' ')[0];
  return [
    ...(commit === undefined ? [] : [{ key: 'mlflow.source.git.commit', value: commit }]),
    { key: 'mlflow.source.git.branch', value: ref.replace(/^refs\/heads\//, '') },
  ];
}

/**
 * Whether files of the project that git tracks differ from the commit. Nothing outside a repository,
 * without git, or if git does not answer in time.
 */
export async function dirtyTag(
  projectDir: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<KeyValue[]> {
  if (findRepository(projectDir) === undefined) return [];
  try {
    const { stdout } = await run(
      'git',
      [
        '--no-optional-locks',
        '-c',
        'core.fsmonitor=false',
        'status',
        '--porcelain',
        '--untracked-files=no',
        '--',
        '.',
      ],
      {
        cwd: projectDir,
        env: { ...cleanEnvironment(env), ...(env['HOME'] === undefined ? {} : { HOME: env['HOME'] }) },
        timeout: STATUS_TIMEOUT_MS,
        maxBuffer: 64 * 1024 * 1024,
      },
    );
    return [{ key: 'mlflow.source.git.dirty', value: String(stdout !== '') }];
  } catch {
    // No git, a folder that belongs to another user, a repository that is broken: the run goes on without.
    return [];
  }
}

/** Last segment of git's origin, else the folder's name. */
export function projectName(projectDir: string): string {
  const repository = findRepository(projectDir);
  const config = repository && read(join(repository.common, 'config'));
  const origin = /\[remote "origin"\][^[]*?url\s*=\s*(\S+)/.exec(config ?? '')?.[1];
  const name = origin
    ?.replace(/\/+$/, '')
    .split(/[/:]/)
    .at(-1)
    ?.replace(/\.git$/, '');
  return name === undefined || name === '' ? basename(projectDir) : name;
}

/** Where HEAD lies, and what all working trees of the repository share. `.git` is a file in a further working tree. */
function findRepository(projectDir: string): { dir: string; common: string } | undefined {
  for (let at = resolve(projectDir); ; at = dirname(at)) {
    const path = join(at, '.git');
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats?.isDirectory() === true) return { dir: path, common: path };
    const pointed = stats === undefined ? undefined : /^gitdir: (.+)$/m.exec(readFileSync(path, 'utf8'))?.[1];
    if (pointed !== undefined) {
      const dir = resolve(at, pointed);
      const common = read(join(dir, 'commondir'))?.trim();
      return { dir, common: common === undefined ? dir : resolve(dir, common) };
    }
    if (at === dirname(at)) return undefined;
  }
}

function read(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}
