import { join } from 'node:path';
import { STAGES } from '../mlflow/messages.ts';
import { foldersIn, mapIn, pairsIn } from './folder.ts';
import type { FolderTree } from './folder-source.ts';
import type { SourceModel, SourceVersion } from './source-records.ts';
import { DELETED, VERSION_STATUSES } from './sql-models.ts';

/** Registered models of a folder. */
export async function* readFolderModels(
  dir: string,
  tree: FolderTree,
): AsyncGenerator<readonly SourceModel[]> {
  const { cells } = tree;
  for (const folder of await foldersIn(dir)) {
    const at = join(dir, folder);
    const meta = await mapIn(join(at, 'meta.yaml'));
    if (meta === undefined) continue;
    const versions: SourceVersion[] = [];
    for (const name of await foldersIn(at)) {
      const version = Number(/^version-(\d{1,15})$/.exec(name)?.[1]);
      if (Number.isSafeInteger(version)) versions.push(await readVersion(join(at, name), version, tree));
    }
    yield [
      {
        name: cells.text(meta['name'], folder) ?? folder,
        createdAt: cells.time(meta['creation_timestamp']),
        updatedAt: cells.time(meta['last_updated_timestamp']),
        description: cells.text(meta['description'], folder),
        tags: await pairsIn(join(at, 'tags'), cells),
        aliases: (await pairsIn(join(at, 'aliases'), cells)).map(({ key, value }) => ({
          alias: key,
          version: Number(value),
        })),
        versions: versions.toSorted((a, b) => a.version - b.version),
      },
    ];
  }
}

async function readVersion(dir: string, version: number, { cells }: FolderTree): Promise<SourceVersion> {
  const meta = (await mapIn(join(dir, 'meta.yaml'))) ?? {};
  const text = (key: string): string | undefined => cells.text(meta[key], `${key} in ${dir}`);
  return {
    version,
    createdAt: cells.time(meta['creation_timestamp']),
    updatedAt: cells.time(meta['last_updated_timestamp']),
    description: text('description'),
    user: text('user_id') ?? '',
    stage: STAGES.find((stage) => stage === meta['current_stage']) ?? 'None',
    isDeleted: meta['current_stage'] === DELETED,
    source: text('source') ?? '',
    storage: text('storage_location'),
    runId: text('run_id'),
    status: VERSION_STATUSES.find((status) => status === meta['status']) ?? 'READY',
    runLink: text('run_link'),
    tags: await pairsIn(join(dir, 'tags'), cells),
  };
}
