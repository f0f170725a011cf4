import { inList, listOf } from '../mlflow/in-list.ts';
import { MODEL_STATUSES } from '../mlflow/messages.ts';
import type { SourceLoggedModel, SourceModelMetric } from './source-records.ts';
import { lifecycleOf } from './sql-experiments.ts';
import type { SqlTables } from './sql-source.ts';
import { tagsOf } from './sql-tags.ts';

/** Models that MLflow 3's clients logged; a database of MLflow 2 has none. */
export async function* readLoggedModels(tables: SqlTables): AsyncGenerator<readonly SourceLoggedModel[]> {
  const { reader, cells, findings } = tables;
  if ((await reader.columns('logged_models')).size === 0) return;
  for await (const page of reader.pages('SELECT * FROM logged_models ORDER BY model_id')) {
    const ids = listOf(page.map((row) => String(row['model_id'])));
    const some = `IN ${inList(reader, 'text')}`;
    const params = tagsOf(
      tables,
      await reader.all(`SELECT * FROM logged_model_params WHERE model_id ${some}`, ids),
      'model_id',
      ['param_key', 'param_value'],
    );
    const tags = tagsOf(
      tables,
      await reader.all(`SELECT * FROM logged_model_tags WHERE model_id ${some}`, ids),
      'model_id',
      ['tag_key', 'tag_value'],
    );
    yield page.flatMap((row) => {
      const id = String(row['model_id']);
      const text = (column: string): string =>
        cells.text(row[column], `${column} of the logged model ${id}`) ?? '';
      // MLflow counts from 1; 0 is "unspecified".
      const status = MODEL_STATUSES[Number(row['status']) - 1];
      if (status === undefined || !/^[\w-]{1,256}$/.test(id)) {
        findings.add('skipped', 'logged model with an id or status that MLflow does not know', id);
        return [];
      }
      return {
        id,
        experimentId: String(row['experiment_id']),
        name: text('name'),
        location: text('artifact_location'),
        status,
        modelType: text('model_type'),
        sourceRun: text('source_run_id'),
        createdAt: cells.time(row['creation_timestamp_ms']),
        updatedAt: cells.time(row['last_updated_timestamp_ms']),
        lifecycle: lifecycleOf(row['lifecycle_stage']),
        params: params.get(id) ?? [],
        tags: tags.get(id) ?? [],
      };
    });
  }
}

/** The points of the metrics of some logged models, in pages. */
export async function* readModelMetrics(
  { reader, cells, findings }: SqlTables,
  models: readonly string[],
): AsyncGenerator<readonly SourceModelMetric[]> {
  // The table has no column for NaN: the run's own point of the same key, step and time says it.
  const text = `SELECT m.*, coalesce((SELECT max(CASE WHEN r.is_nan THEN 1 ELSE 0 END) FROM metrics r
      WHERE r.key = m.metric_name AND r.timestamp = m.metric_timestamp_ms AND r.step = m.metric_step AND r.run_uuid = m.run_id), 0) AS is_nan
    FROM logged_model_metrics m WHERE m.model_id IN ${inList(reader, 'text')}`;
  for await (const page of reader.pages(text, listOf(models)))
    yield page.flatMap((row) => {
      const model = String(row['model_id']);
      const key = cells.text(row['metric_name'], `metric of the logged model ${model}`) ?? '';
      const step = cells.whole(row['metric_step']);
      const timestamp = cells.whole(row['metric_timestamp_ms']);
      const value =
        Number(row['is_nan']) === 1 || row['metric_value'] === null ? Number.NaN : row['metric_value'];
      if (step === undefined || timestamp === undefined || typeof value !== 'number') {
        findings.add(
          'skipped',
          'metric whose step, time or value is no number that JSON has',
          `${key} of ${model}`,
        );
        return [];
      }
      return {
        model,
        run: String(row['run_id']),
        key,
        value,
        timestamp,
        step,
        datasetName: cells.text(row['dataset_name'], `data set of ${model}`) ?? '',
        datasetDigest: cells.text(row['dataset_digest'], `data set of ${model}`) ?? '',
      };
    });
}
