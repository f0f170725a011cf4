import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Plan } from '../core/plan.ts';

interface Tag {
  readonly key: string;
  readonly value: string;
}

/** MLflow's tags of a recipe's run. */
export function runTags({ template, profile, recipe }: Plan): Tag[] {
  return [
    { key: 'mlflow.source.type', value: 'RECIPE' },
    { key: 'mlflow.source.name', value: recipe },
    ...(template === undefined ? [] : [{ key: 'mlflow.pipeline.template.name', value: template }]),
    ...(profile === undefined ? [] : [{ key: 'mlflow.pipeline.profile.name', value: profile }]),
  ];
}

/** The commit that is checked out, read from `.git` itself: starting git would take longer than a cached run. */
export function gitTags(projectDir: string): Tag[] {
  const dir = join(projectDir, '.git');
  const head = read(join(dir, 'HEAD'))?.trim();
  if (head === undefined) return [];
  const ref = /^ref: (refs\/[\w./-]+)$/.exec(head)?.[1];
  if (ref === undefined)
    return /^[0-9a-f]{40,64}$/.test(head) ? [{ key: 'mlflow.source.git.commit', value: head }] : [];
  const packed = read(join(dir, 'packed-refs'))
    ?.split('\n')
    .find((line) => line.endsWith(` ${ref}`));
  const commit = read(join(dir, ref))?.trim() ?? packed?.split(' ')[0];
  return [
    ...(commit === undefined ? [] : [{ key: 'mlflow.source.git.commit', value: commit }]),
    { key: 'mlflow.source.git.branch', value: ref.replace(/^refs\/heads\//, '') },
  ];
}

/** Last segment of git's origin, else the folder's name. */
export function projectName(projectDir: string): string {
  const origin = /\[remote "origin"\][^[]*?url\s*=\s*(\S+)/.exec(
    read(join(projectDir, '.git', 'config')) ?? '',
  )?.[1];
  const name = origin
    ?.replace(/\/+$/, '')
    .split(/[/:]/)
    .at(-1)
    ?.replace(/\.git$/, '');
  return name === undefined || name === '' ? basename(projectDir) : name;
}

function read(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}
