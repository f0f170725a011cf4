import type { Lifecycle } from '../mlflow/messages.ts';
import type { SourceDataset, SourceExperiment } from './source-records.ts';
import type { SqlTables } from './sql-source.ts';
import { tagsOf } from './sql-tags.ts';

/** The workspace that every store has; others keep experiments of the same names. */
export const WORKSPACE = 'default';

/** Experiments with their tags; there are few enough to be in memory. */
export async function readExperiments(tables: SqlTables): Promise<readonly SourceExperiment[]> {
  const { reader, cells, findings } = tables;
  const rows = await reader.all('SELECT * FROM experiments ORDER BY experiment_id');
  const tags = tagsOf(tables, await reader.all('SELECT * FROM experiment_tags'), 'experiment_id');
  return rows.flatMap((row) => {
    const id = String(row['experiment_id']);
    const name = cells.text(row['name'], `name of the experiment ${id}`) ?? '';
    if (name.trim() === '') {
      findings.add('skipped', 'experiment without a name, and its runs', id);
      return [];
    }
    if ((row['workspace'] ?? WORKSPACE) !== WORKSPACE) {
      findings.add('skipped', 'experiment of a workspace other than "default", and its runs', name);
      return [];
    }
    return {
      id,
      name,
      location: cells.text(row['artifact_location'], `artifact location of the experiment ${id}`),
      lifecycle: lifecycleOf(row['lifecycle_stage']),
      createdAt: cells.time(row['creation_time']),
      updatedAt: cells.time(row['last_update_time'] ?? row['creation_time']),
      tags: tags.get(id) ?? [],
    };
  });
}

export async function* readDatasets({
  reader,
  cells,
  findings,
}: SqlTables): AsyncGenerator<readonly SourceDataset[]> {
  for await (const page of reader.pages('SELECT * FROM datasets'))
    yield page.flatMap((row) => {
      const name = cells.text(row['name'], 'name of a data set') ?? '';
      const text = (column: string): string | undefined =>
        cells.text(row[column], `${column} of the data set ${name}`);
      const digest = text('digest') ?? '';
      if (name === '' || digest === '') {
        findings.add('skipped', 'data set without name or digest', String(row['dataset_uuid']));
        return [];
      }
      return {
        experimentId: String(row['experiment_id']),
        name,
        digest,
        sourceType: text('dataset_source_type') ?? '',
        source: text('dataset_source') ?? '',
        schema: text('dataset_schema'),
        profile: text('dataset_profile'),
      };
    });
}

/** Whatever MLflow does not know as deleted is there. */
export function lifecycleOf(value: unknown): Lifecycle {
  return value === 'deleted' ? 'deleted' : 'active';
}
