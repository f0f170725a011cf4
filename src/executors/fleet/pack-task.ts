import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Digest } from '../../core/ids.ts';
import { storedInputs } from '../../engine/materialise.ts';
import type { ResolvedInput, Task } from '../../engine/ports.ts';
import type { Store } from '../../store/store.ts';
import { type TreeFile, treeText } from '../../store/trees.ts';
import { type ParcelFile, parcelText } from './parcel.ts';

/** A file of the project is not what it was when the step was looked up. */
export class ProjectChanged extends Error {
  readonly path: string;

  constructor(path: string) {
    super(`${path} was changed while the step was sent to the fleet`);
    this.path = path;
  }
}

export interface Packed {
  /** The parcel. */
  readonly text: string;
  /** Blobs of this machine that a worker needs. */
  readonly blobs: readonly Digest[];
  /** What it needs that steps made. Their blobs may be in the shared cache alone. */
  readonly stored: ReturnType<typeof storedInputs>;
}

export interface PackingOptions {
  readonly store: Store;
  readonly projectDir: string;
  readonly run: string;
  readonly version: string;
}

/**
 * Packs a task, and puts all that it needs of this machine into the store: files of the project, code.
 *
 * @throws ProjectChanged
 */
export async function packTask(task: Task, options: PackingOptions): Promise<Packed> {
  const { store, projectDir, run, version } = options;
  const blobs = new Set<Digest>();
  const keep = async (path: string, digest: Digest): Promise<void> => {
    await keepFile(resolve(projectDir, path), digest, store);
    blobs.add(digest);
  };
  const inputs: ResolvedInput[] = [];
  for (const input of task.inputs) inputs.push(await packInput(input, { ...options, blobs, keep }));
  const code: ParcelFile[] = [];
  for (const { path, digest } of task.code) {
    await keep(path, digest);
    code.push({ path, digest, ...(isExecutable(resolve(projectDir, path)) ? { executable: true } : {}) });
  }
  const packages = await packPackages(task, { store, projectDir, blobs });
  const { step, fingerprint, document, replace, fresh } = task;
  const text = parcelText({
    stockpot: version,
    run,
    step,
    fingerprint,
    document,
    inputs,
    code,
    ...(packages === undefined ? {} : { packages }),
    replace,
    fresh,
  });
  return { text, blobs: [...blobs], stored: storedInputs(task.inputs) };
}

interface Packing extends PackingOptions {
  readonly blobs: Set<Digest>;
  readonly keep: (path: string, digest: Digest) => Promise<void>;
}

/** Files of the project become blobs; what a step is shown is the same. */
async function packInput(input: ResolvedInput, packing: Packing): Promise<ResolvedInput> {
  const { name, kind, digest } = input;
  switch (input.from) {
    case 'list': {
      const items: { name: string; input: ResolvedInput }[] = [];
      for (const item of input.items)
        items.push({ name: item.name, input: await packInput(item.input, packing) });
      return { ...input, items };
    }
    case 'project': {
      for (const file of input.files) await packing.keep(file.path, file.digest);
      if (kind !== 'file') keepTree(input, packing);
      const dot = input.files[0]?.name.indexOf('.', 1) ?? -1;
      const extension = kind === 'file' && dot !== -1 ? (input.files[0]?.name.slice(dot) ?? '') : '';
      return { name, kind, digest, from: 'store', extension };
    }
    default:
      return input;
  }
}

/** The list of a folder's files, whose digest the input has already. */
function keepTree(
  { name, digest, files }: ResolvedInput & { from: 'project' },
  { store, projectDir, blobs }: Packing,
): void {
  const listed = files.map((file): TreeFile => {
    const path = resolve(projectDir, file.path);
    const size = store.blobs.size(file.digest) ?? 0;
    return {
      path: file.name,
      digest: file.digest,
      size,
      ...(isExecutable(path) ? { executable: true } : {}),
    };
  });
  const kept = store.blobs.putBytes(treeText(listed));
  if (kept.digest !== digest) throw new ProjectChanged(name);
  blobs.add(digest);
}

/** The manifest and lock of a project whose code imports packages. */
async function packPackages(
  task: Task,
  { store, projectDir, blobs }: Pick<Packing, 'store' | 'projectDir' | 'blobs'>,
): Promise<{ manifest: Digest; lock?: Digest } | undefined> {
  const manifest = mayImport(task) ? await keepIfThere('package.json') : undefined;
  if (manifest === undefined) return undefined;
  const lock = await keepIfThere('package-lock.json');
  return { manifest, ...(lock === undefined ? {} : { lock }) };

  async function keepIfThere(name: string): Promise<Digest | undefined> {
    const path = join(projectDir, name);
    const found = existsSync(path) ? store.files.sync(path) : undefined;
    if (found === undefined) return undefined;
    await keepFile(path, found.digest, store);
    blobs.add(found.digest);
    return found.digest;
  }
}

/** Of a component's code it is known which packages it imports; of a command's it is not. */
function mayImport({ step, code, document }: Task): boolean {
  if (!code.some(({ path }) => /\.[cm]?[jt]s$/.test(path))) return false;
  if (step.action.kind !== 'own') return true;
  const { dynamic } = JSON.parse(document) as { dynamic: { more?: { packages?: readonly string[] } } };
  return dynamic.more?.packages !== undefined;
}

async function keepFile(path: string, digest: Digest, { blobs }: Store): Promise<void> {
  if (blobs.size(digest) !== undefined) return;
  const kept = await blobs.putCopy(path).catch((error: unknown) => {
    if (isReadableFile(path)) throw error;
    throw new ProjectChanged(path);
  });
  if (kept.digest !== digest) throw new ProjectChanged(path);
}

function isReadableFile(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function isExecutable(path: string): boolean {
  return ((statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o100) !== 0;
}
