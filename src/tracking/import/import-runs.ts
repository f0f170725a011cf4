import { lock } from '../../db/lock.ts';
import type { Row, Sql, SqlValue } from '../../db/sql.ts';
import { pointOf } from '../mlflow/arrange-points.ts';
import { inList, listOf } from '../mlflow/in-list.ts';
import { writePoints } from '../mlflow/write-metrics.ts';
import { copyFolder } from './copy-folder.ts';
import { writeInputs } from './import-datasets.ts';
import { emptyTally, type ImportTarget, type Place, type Tally } from './import-target.ts';
import type { MlflowSource } from './mlflow-source.ts';
import type { SourceMetric, SourceRun } from './source-records.ts';

/** A run that goes into the target, and how many points of it are there. */
interface Wanted {
  readonly run: SourceRun;
  readonly place: Place;
  readonly isNew: boolean;
  readonly points: number;
}

/**
 * Runs with their history, a batch in a transaction; one that is there gets what it lacks. A run that holds
 * something else than its source is left alone.
 */
export async function importRuns(
  target: ImportTarget,
  source: MlflowSource,
  onProgress: (done: number) => void,
): Promise<{ tally: Tally; metrics: number; files: number }> {
  const { database, isDryRun } = target;
  const tally = emptyTally();
  let [metrics, files, done] = [0, 0, 0];
  for await (const batch of source.runs()) {
    const wanted = await database.read((sql) => compare(sql, target, batch, tally));
    const lacking = wanted.filter(({ run, points }) => run.points === undefined || points < run.points);
    const lackingIds = lacking.map(({ run }) => run.id);
    if (!isDryRun) {
      let isWritten = false;
      const rows = async (sql: Sql): Promise<void> => {
        if (!isWritten) await writeRuns(sql, target, wanted);
      };
      for await (const page of lacking.length === 0 ? [] : source.metrics(lackingIds)) {
        await database.write(async (sql) => {
          await rows(sql);
          await writeMetrics(sql, page);
        });
        isWritten = true;
      }
      await database.write(rows);
      metrics += await database.read((sql) => addedTo(sql, lacking));
      for (const { run, place } of wanted)
        files += await copyFolder(target, {
          location: run.artifactUri,
          base: source.base,
          to: place.folder === undefined ? undefined : `${place.folder}/${run.id}/artifacts`,
          expected: place.folder === undefined ? `${run.id}/artifacts` : undefined,
          name: `run ${run.id}`,
        });
    }
    done += batch.length;
    onProgress(done);
  }
  return { tally, metrics, files };
}

async function compare(
  sql: Sql,
  { places, findings }: ImportTarget,
  batch: readonly SourceRun[],
  tally: Tally,
): Promise<Wanted[]> {
  const ids = listOf(batch.map(({ id }) => id));
  const some = `IN ${inList(sql, 'text')}`;
  const of = async (columns: string, table: string, rest = ''): Promise<Row[]> =>
    sql.all(`SELECT ${columns} FROM ${table} WHERE run_uuid ${some}${rest}`, ids);
  const runs = new Map((await of('*', 'runs')).map((row) => [String(row['run_uuid']), row]));
  const isFresh = runs.size === 0;
  const params = isFresh ? NONE : pairsOf(await of('run_uuid, key, value', 'params'));
  const tags = isFresh ? NONE : pairsOf(await of('run_uuid, key, value', 'tags'));
  const points = isFresh ? new Map<string, number>() : await pointsHere(sql, batch);
  return batch.flatMap((run): Wanted[] => {
    const place = places.get(run.experimentId);
    if (place === undefined) {
      findings.add('skipped', 'run of an experiment that is not there', run.id);
      return [];
    }
    const row = runs.get(run.id);
    if (row === undefined) {
      tally.imported += 1;
      return [{ run, place, isNew: true, points: 0 }];
    }
    const differing = [
      ...COLUMNS.filter((column, index) => row[column] !== rowOf(run, place)[index]),
      ...changed(run.params, params.get(run.id)).map((key) => `parameter ${key}`),
      ...changed(run.tags, tags.get(run.id)).map((key) => `tag ${key}`),
    ];
    if (differing.length > 0) {
      tally.conflicts += 1;
      findings.add(
        'conflict',
        'a run of the same id is another here',
        `${run.id}: ${differing.slice(0, 5).join(', ')}`,
      );
      return [];
    }
    tally.there += 1;
    return [{ run, place, isNew: false, points: points.get(run.id) ?? 0 }];
  });
}

async function pointsHere(
  sql: Sql,
  runs: readonly { readonly id: string }[],
): Promise<ReadonlyMap<string, number>> {
  const rows = await sql.all(
    `SELECT run_uuid, count(*) AS count FROM metrics WHERE run_uuid IN ${inList(sql, 'text')} GROUP BY run_uuid`,
    listOf(runs.map(({ id }) => id)),
  );
  return new Map(rows.map((row) => [String(row['run_uuid']), Number(row['count'])]));
}

/** A source may hold a point twice, and a folder does not say how many it holds: what came is seen here only. */
async function addedTo(sql: Sql, wanted: readonly Wanted[]): Promise<number> {
  if (wanted.length === 0) return 0;
  const now = await pointsHere(
    sql,
    wanted.map(({ run }) => run),
  );
  return wanted.reduce((sum, { run, points }) => sum + (now.get(run.id) ?? 0) - points, 0);
}

const COLUMNS = [
  'run_uuid',
  'experiment_id',
  'name',
  'status',
  'start_time',
  'end_time',
  'lifecycle_stage',
  'user_id',
] as const;

function rowOf(run: SourceRun, { id }: Place): readonly SqlValue[] {
  const { name, status, lifecycle, user } = run;
  return [run.id, id, name, status, run.startTime ?? null, run.endTime ?? null, lifecycle, user];
}

const NONE: ReadonlyMap<string, ReadonlyMap<string, string>> = new Map();

function pairsOf(rows: readonly Row[]): ReadonlyMap<string, ReadonlyMap<string, string>> {
  const found = new Map<string, Map<string, string>>();
  for (const row of rows) {
    const run = String(row['run_uuid']);
    const pairs = found.get(run) ?? new Map<string, string>();
    pairs.set(String(row['key']), String(row['value']));
    found.set(run, pairs);
  }
  return found;
}

/** Keys whose value here is another one. */
function changed(
  pairs: SourceRun['params'],
  here: ReadonlyMap<string, string> | undefined,
): readonly string[] {
  return pairs.filter(({ key, value }) => (here?.get(key) ?? value) !== value).map(({ key }) => key);
}

async function writeRuns(sql: Sql, target: ImportTarget, wanted: readonly Wanted[]): Promise<void> {
  await sql.runMany(
    `INSERT INTO runs (${COLUMNS.join(', ')}, deleted_time) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
    wanted.map(({ run, place }) => [...rowOf(run, place), run.deletedTime ?? null]),
  );
  for (const table of ['params', 'tags'] as const)
    await sql.runMany(
      `INSERT INTO ${table} (run_uuid, key, value) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`,
      wanted.flatMap(({ run }) => run[table].map(({ key, value }) => [run.id, key, value])),
    );
  await writeMetrics(
    sql,
    wanted.flatMap(({ run }) => run.latest),
  );
  for (const { run } of wanted) await writeInputs(sql, target, run.id, run.inputs);
  await writeRunModels(sql, target, wanted);
}

async function writeRunModels(
  sql: Sql,
  { findings }: ImportTarget,
  wanted: readonly Wanted[],
): Promise<void> {
  const links = wanted.flatMap(({ run }) => run.models.map((link) => ({ ...link, run: run.id })));
  if (links.length === 0) return;
  const rows = await sql.all(
    `SELECT model_id FROM logged_models WHERE model_id IN ${inList(sql, 'text')}`,
    listOf(links.map(({ model }) => model)),
  );
  const known = new Set(rows.map((row) => row['model_id']));
  for (const { run, model } of links)
    if (!known.has(model)) findings.add('skipped', 'link of a run to a logged model that is not there', run);
  await sql.runMany(
    'INSERT INTO run_models (run_uuid, role, model_id, step) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
    links
      .filter(({ model }) => known.has(model))
      .map(({ run, role, model, step }) => [run, role, model, step]),
  );
}

/** A server may write to a run that was there already. */
async function writeMetrics(sql: Sql, page: readonly SourceMetric[]): Promise<void> {
  if (page.length === 0) return;
  const runs = [...new Set(page.map(({ run }) => run))];
  if (sql.dialect === 'postgres')
    await sql.all(
      `SELECT run_uuid FROM runs WHERE run_uuid IN ${inList(sql, 'text')} ORDER BY run_uuid${lock(sql, 'change')}`,
      listOf(runs),
    );
  await writePoints(
    sql,
    page.map((metric) => pointOf(metric.run, metric)),
  );
}
