import {
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import type { Digest } from '../core/ids.ts';
import type { Plan, PlanInput, PlanStep } from '../core/plan.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { BlobDamaged } from '../store/blobs.ts';
import { makePrivateFolder } from '../store/private-folder.ts';
import type { Store } from '../store/store.ts';
import { byBytes, readTree, type TreeFile, treeText } from '../store/trees.ts';
import { CodeBook } from './step-code.ts';
import { walkProject } from './walk-project.ts';

/** Packages are as large as a disk: they are linked, and count by the lock that the snapshot has. */
const LINKED = ['node_modules', '.venv', 'venv'];
const PACKAGES = ['package.json', 'package-lock.json'];

/**
 * Keeps all that decides what a recipe does, as one folder in the store: what the plan was worked out from
 * (`planFiles`), and the code of its steps. Inputs only `withInputs`, those of the project. Gives the digest of
 * the folder.
 *
 * @throws RecipeError PATH_UNSAFE, LINK_BROKEN
 */
export async function keepSnapshot(
  plan: Plan,
  planFiles: readonly string[],
  { store, projectDir, withInputs = false }: SnapshotOptions,
): Promise<Digest> {
  const book = new CodeBook(projectDir, store.files);
  const paths = new Set([...planFiles, ...PACKAGES.filter((path) => existsSync(join(projectDir, path)))]);
  for (const step of plan.steps) {
    for (const { path } of book.of(step).files) paths.add(path);
    for (const key of step.configFiles) paths.add(String(step.config[key]).replace(/^\.\//, ''));
    if (withInputs) for (const path of inputFiles(step, projectDir)) paths.add(path);
  }
  const files: TreeFile[] = [];
  for (const path of [...paths].toSorted(byBytes)) {
    requireInside(path);
    const absolute = join(projectDir, path);
    const executable = (statSync(absolute).mode & 0o100) !== 0;
    const blob = await store.blobs.putCopy(absolute);
    files.push({ path, ...blob, ...(executable ? { executable } : {}) });
  }
  const { digest } = await store.blobs.putDurably(treeText(files));
  await store.blobs.settle();
  return digest;
}

export interface SnapshotOptions {
  readonly store: Store;
  readonly projectDir: string;
  readonly withInputs?: boolean;
}

/** Files of a step's `./` inputs; what lies elsewhere is read there, wherever the step runs. */
function inputFiles({ inputs, probe }: PlanStep, projectDir: string): string[] {
  const named = [
    ...Object.values(inputs).flatMap((input) => pathsOf(input, projectDir)),
    ...(probe?.kind === 'file' ? [probe.path] : []),
  ].filter((path) => !isAbsolute(path));
  return named.flatMap((path) => {
    const stats = statSync(join(projectDir, path), { throwIfNoEntry: false });
    if (stats?.isDirectory() === true) return walkProject(projectDir, path).map((file) => file.path);
    return stats?.isFile() === true ? [path] : [];
  });
}

/**
 * Writes a snapshot into a folder that is not there yet.
 *
 * @throws BlobDamaged
 */
export async function layOutSnapshot(digest: Digest, { blobs }: Store, dir: string): Promise<void> {
  makePrivateFolder(dir);
  for (const file of readTree(blobs, digest).files) {
    requireInside(file.path);
    const state = await blobs.verify(file.digest);
    if (state !== 'ok') throw new BlobDamaged(file.digest, state);
    const target = join(dir, file.path);
    mkdirSync(dirname(target), { recursive: true });
    copyFileSync(blobs.path(file.digest), target, constants.COPYFILE_FICLONE);
    chmodSync(target, file.executable === true ? 0o755 : 0o644);
  }
}

/** Lets the steps of a snapshot in `dir` find their `./` inputs, as they are now in the folder it was applied from. */
export function linkInputs(plan: Plan, dir: string, projectDir: string): void {
  const paths = plan.steps.flatMap((step) => [
    ...Object.values(step.inputs).flatMap((input) => pathsOf(input, projectDir)),
    ...(step.probe?.kind === 'file' ? [step.probe.path] : []),
  ]);
  const secrets = Object.values(plan.settings.secrets).flatMap((one) => ('file' in one ? [one.file] : []));
  for (const path of [...paths, ...secrets, ...LINKED].toSorted(byBytes))
    if (!isAbsolute(path)) link(join(projectDir, path), join(dir, path));
}

function pathsOf(input: PlanInput, projectDir: string): string[] {
  if (input.kind === 'list') return input.items.flatMap((item) => pathsOf(item, projectDir));
  if (input.kind !== 'path') return [];
  return input.glob ? globSync(input.path, { cwd: projectDir }) : [input.path];
}

/** What the snapshot itself has stays. A missing input is found when the run begins. */
function link(from: string, to: string): void {
  const source = statSync(from, { throwIfNoEntry: false });
  if (source === undefined) return;
  const there = statSync(to, { throwIfNoEntry: false });
  if (there === undefined) {
    mkdirSync(dirname(to), { recursive: true });
    symlinkSync(resolve(from), to);
  } else if (there.isDirectory() && source.isDirectory())
    for (const name of readdirSync(from)) if (name !== '.stockpot') link(join(from, name), join(to, name));
}

/** What lies outside of the project cannot be laid out anew. */
function requireInside(path: string): void {
  if (isAbsolute(path) || path.split('/').includes('..')) throw new RecipeError('PATH_UNSAFE', { path });
}
