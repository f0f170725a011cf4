import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ProjectHome, Surroundings } from './compose-home.ts';
import { Artifacts } from './server/artifacts.ts';
import { requireSharedFiles } from './server/shared-files.ts';
import { Findings } from './tracking/import/findings.ts';
import { type ImportReport, importMlflow } from './tracking/import/import-mlflow.ts';
import { openSource } from './tracking/import/open-source.ts';
import { openDatabase } from './tracking/open-database.ts';
import { databaseName } from './tracking/places.ts';
import { VersionPins } from './tracking/version-pins.ts';

export interface ImportOptions {
  readonly cwd: string;
  /** Where the MLflow store is, as users write it. */
  readonly source: string;
  /** `postgres://…` or `sqlite:PATH` instead of the home's own. */
  readonly database: string | undefined;
  /** The folder that MLflow's server keeps artifacts in; `none` copies no files. */
  readonly artifacts: string | undefined;
  readonly isDryRun: boolean;
  readonly onProgress: (done: number, of: number) => void;
}

/** Imports an MLflow store into the tracking database of a project, or the one at an address. */
export async function composeImport(
  project: ProjectHome,
  { world }: Surroundings,
  { cwd, source: from, database: url, artifacts, isDryRun, onProgress }: ImportOptions,
): Promise<ImportReport> {
  const findings = new Findings();
  await using source = await openSource(from, cwd, findings);
  const { home, store } = project;
  await using database = await openDatabase(home, url, 'bulk');
  if (!isDryRun) await requireSharedFiles(database, store.layout.root);
  const now = (): number => world.clock.now();
  const pins = new VersionPins({ store, home, database: databaseName(url) });
  const beside = join(source.base, 'mlartifacts');
  return await importMlflow({
    source,
    database,
    files: new Artifacts({ database, store, home, now, root: 'mlflow-artifacts:', pins }),
    artifacts:
      artifacts === 'none' ? undefined : { proxied: artifacts ?? (existsSync(beside) ? beside : undefined) },
    change: { actor: project.user, at: now() },
    isDryRun,
    findings,
    onProgress,
  });
}
