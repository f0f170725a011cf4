import { createHash } from 'node:crypto';
import type { Sql } from '../../db/sql.ts';
import type { ImportTarget } from './import-target.ts';
import type { MlflowSource } from './mlflow-source.ts';
import type { SourceInput } from './source-records.ts';

/** Data sets of experiments; one that is there stays. Gives how many the source has. */
export async function importDatasets(target: ImportTarget, source: MlflowSource): Promise<number> {
  const { database, places, isDryRun, findings } = target;
  let count = 0;
  for await (const page of source.datasets()) {
    const rows = page.flatMap((dataset) => {
      const { experimentId, name, digest, sourceType } = dataset;
      const experiment = places.get(experimentId)?.id;
      if (experiment === undefined) {
        findings.add('skipped', 'data set of an experiment that is not there', name);
        return [];
      }
      const uuid = createHash('sha256')
        .update(`${experiment}\0${name}\0${digest}`)
        .digest('hex')
        .slice(0, 32);
      return [
        [
          uuid,
          experiment,
          name,
          digest,
          sourceType,
          dataset.source,
          dataset.schema ?? null,
          dataset.profile ?? null,
        ] as const,
      ];
    });
    count += rows.length;
    if (!isDryRun)
      await database.write((sql) =>
        sql.runMany(
          `INSERT INTO datasets (dataset_uuid, experiment_id, name, digest, dataset_source_type, dataset_source, dataset_schema, dataset_profile)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
          rows,
        ),
      );
  }
  return count;
}

const CONTEXT_TAG = 'mlflow.data.context';

/** Notes which data sets a run reads. */
export async function writeInputs(
  sql: Sql,
  { places, findings }: ImportTarget,
  run: string,
  inputs: readonly SourceInput[],
): Promise<void> {
  for (const { dataset, tags } of inputs) {
    const row = await sql.get(
      'SELECT dataset_uuid FROM datasets WHERE experiment_id = ? AND name = ? AND digest = ?',
      places.get(dataset.experimentId)?.id ?? null,
      dataset.name,
      dataset.digest,
    );
    if (row === undefined) {
      findings.add('skipped', 'input of a run whose data set is not there', run);
      continue;
    }
    const uuid = String(row['dataset_uuid']);
    await sql.run(
      'INSERT INTO inputs (run_uuid, dataset_uuid, context) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
      run,
      uuid,
      tags.find(({ key }) => key === CONTEXT_TAG)?.value ?? '',
    );
    await sql.runMany(
      'INSERT INTO input_tags (run_uuid, dataset_uuid, key, value) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
      tags.filter(({ key }) => key !== CONTEXT_TAG).map(({ key, value }) => [run, uuid, key, value]),
    );
  }
}
