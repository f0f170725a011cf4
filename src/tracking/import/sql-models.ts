import { inList, listOf } from '../mlflow/in-list.ts';
import { type ModelVersion, STAGES } from '../mlflow/messages.ts';
import type { SourceModel, SourceVersion } from './source-records.ts';
import { WORKSPACE } from './sql-experiments.ts';
import type { SqlTables } from './sql-source.ts';
import { tagsOf } from './sql-tags.ts';

export const VERSION_STATUSES: readonly ModelVersion['status'][] = [
  'READY',
  'PENDING_REGISTRATION',
  'FAILED_REGISTRATION',
];

/** Registered models, each whole. */
export async function* readModels(tables: SqlTables): AsyncGenerator<readonly SourceModel[]> {
  const { reader, cells, findings } = tables;
  const isShared = (await reader.columns('registered_models')).has('workspace');
  const own = isShared ? `workspace = '${WORKSPACE}' AND ` : '';
  for await (const page of reader.pages('SELECT * FROM registered_models ORDER BY name')) {
    const models = page.filter((row) => {
      if ((row['workspace'] ?? WORKSPACE) === WORKSPACE) return true;
      findings.add('skipped', 'registered model of a workspace other than "default"', String(row['name']));
      return false;
    });
    const names = listOf(models.map((row) => String(row['name'])));
    const of = (table: string): ReturnType<typeof reader.all> =>
      reader.all(`SELECT * FROM ${table} WHERE ${own}name IN ${inList(reader, 'text')}`, names);
    const tags = tagsOf(tables, await of('registered_model_tags'), 'name');
    const aliases = Map.groupBy(await of('registered_model_aliases'), (row) => String(row['name']));
    const versions = Map.groupBy(await of('model_versions'), (row) => String(row['name']));
    const versionTags = tagsOf(
      tables,
      (await of('model_version_tags')).map((row) => ({
        ...row,
        version: `${String(row['version'])} ${String(row['name'])}`,
      })),
      'version',
    );
    yield models.map((row) => {
      const name = String(row['name']);
      return {
        name,
        createdAt: cells.time(row['creation_time']),
        updatedAt: cells.time(row['last_updated_time']),
        description: cells.text(row['description'], `description of the model ${name}`),
        tags: tags.get(name) ?? [],
        aliases: (aliases.get(name) ?? []).map((one) => ({
          alias: String(one['alias']),
          version: Number(one['version']),
        })),
        versions: (versions.get(name) ?? [])
          .map((one): SourceVersion => {
            const version = Number(one['version']);
            const text = (column: string): string | undefined =>
              cells.text(one[column], `${column} of ${name}/${version}`);
            return {
              version,
              createdAt: cells.time(one['creation_time']),
              updatedAt: cells.time(one['last_updated_time']),
              description: text('description'),
              user: text('user_id') ?? '',
              stage: STAGES.find((stage) => stage === one['current_stage']) ?? 'None',
              isDeleted: one['current_stage'] === DELETED,
              source: text('source') ?? '',
              storage: text('storage_location'),
              runId: text('run_id'),
              status: VERSION_STATUSES.find((status) => status === one['status']) ?? 'READY',
              runLink: text('run_link'),
              tags: versionTags.get(`${version} ${name}`) ?? [],
            };
          })
          .toSorted((a, b) => a.version - b.version),
      };
    });
  }
}

/** The stage of a version that is deleted: its number is never used again. */
export const DELETED = 'Deleted_Internal';
