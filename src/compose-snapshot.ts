import { rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Project } from './compose.ts';
import type { ProjectHome, Surroundings } from './compose-home.ts';
import type { Digest } from './core/ids.ts';
import type { CachedPlan } from './engine/plan-cache.ts';
import { layOutSnapshot, linkInputs } from './engine/snapshot.ts';

export interface SnapshotRun {
  /** Whose store has the snapshot, and where the run is kept. */
  readonly host: ProjectHome;
  /** The folder of the project that it was taken of. */
  readonly projectDir: string;
  /** Whether that is a folder of this machine: what the snapshot lacks, packages above all, is taken from it then. */
  readonly isHere: boolean;
  /** In whose name it is tracked and registers models. */
  readonly asker: string;
  /** Below the home, for copies of this kind. */
  readonly folder: string;
  readonly snapshot: string;
  readonly run: string;
  readonly applied: {
    readonly file: string;
    readonly recipe: string;
    readonly profile?: string | undefined;
    readonly set: readonly string[];
  };
  /** What `tick.at` stands for, milliseconds since the Unix epoch. */
  readonly at: number;
}

/**
 * Lays a snapshot out in a folder of its own, works its plan out, and removes the folder after the work: what
 * others change in the project meanwhile does not reach it.
 *
 * @throws BlobDamaged if the store lacks some of it; what is wrong with the recipe
 */
export async function inSnapshot<T>(
  { host, projectDir, isHere, asker, folder, snapshot, run, applied, at }: SnapshotRun,
  surroundings: Surroundings,
  work: (copy: Project, plan: CachedPlan) => Promise<T>,
): Promise<T> {
  const { world } = surroundings;
  const root = snapshotDir(host, folder, run);
  // Ends with the name of the project: what is tracked is named by it.
  const dir = join(root, basename(projectDir));
  const env = { ...world.env, STOCKPOT_HOME: host.home };
  await using copy = new Project(dir, {
    ...surroundings,
    asker,
    world: { ...world, env, newRunId: () => run },
  });
  if (isHere) copy.base = projectDir;
  try {
    await layOutSnapshot(snapshot as Digest, host.store, dir);
    const location = { projectDir: dir, name: applied.recipe, file: applied.file };
    const plan = await copy.plan(location, applied.profile, applied.set, at);
    if (isHere) linkInputs(plan, dir, projectDir);
    return await work(copy, plan);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** The folder that a run's snapshot is laid out in. */
export function snapshotDir(host: Pick<ProjectHome, 'home'>, folder: string, run: string): string {
  return join(host.home, folder, run);
}
