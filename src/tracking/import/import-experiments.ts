import type { Row, Sql } from '../../db/sql.ts';
import { locationOf } from '../mlflow/experiments.ts';
import type { ImportTarget, Place, Tally } from './import-target.ts';
import { emptyTally } from './import-target.ts';
import { isElsewhere } from './local-folder.ts';
import type { SourceExperiment } from './source-records.ts';
import { DEFAULT, takeOverDefault } from './take-over-default.ts';

const ROOT = 'mlflow-artifacts:';

/** An experiment whose number is another one's here. */
export interface MappedExperiment {
  readonly name: string;
  readonly from: string;
  readonly to: string;
}

export interface ImportedExperiments {
  readonly tally: Tally;
  readonly places: ReadonlyMap<string, Place>;
  readonly mapped: readonly MappedExperiment[];
}

/**
 * An experiment goes to the one of its name, or else keeps its number if that is free, or else gets the next.
 * All of them in one transaction.
 */
export async function importExperiments(
  { database, isDryRun, findings }: Omit<ImportTarget, 'places'>,
  experiments: readonly SourceExperiment[],
): Promise<ImportedExperiments> {
  const work = async (sql: Sql): Promise<ImportedExperiments & { notes: readonly string[] }> => {
    const tally = emptyTally();
    const places = new Map<string, Place>();
    const notes: string[] = [];
    const taken = new Set((await sql.all('SELECT experiment_id FROM experiments')).map(numberOf));
    const put = async (experiment: SourceExperiment, id: number | undefined): Promise<void> => {
      const row = isDryRun
        ? { experiment_id: id ?? Math.max(0, ...taken) + 1, artifact_location: placeOf(experiment) }
        : await insert(sql, experiment, id);
      taken.add(numberOf(row));
      places.set(experiment.id, placeAt(row));
      tally.imported += 1;
    };
    const later: SourceExperiment[] = [];
    for (const experiment of experiments) {
      const found = await findHere(sql, experiment, isDryRun);
      const id = /^\d{1,15}$/.test(experiment.id) ? Number(experiment.id) : undefined;
      if (found !== undefined) {
        places.set(experiment.id, placeAt(found));
        const differing = await join(sql, experiment, found, isDryRun);
        for (const what of differing) notes.push(`${what} of the experiment ${experiment.name}`);
        tally[differing.length > 0 ? 'conflicts' : 'there'] += 1;
      } else if (id !== undefined && !taken.has(id)) await put(experiment, id);
      else later.push(experiment);
    }
    if (sql.dialect === 'postgres' && !isDryRun) await moveSequence(sql);
    for (const experiment of later) await put(experiment, undefined);
    const mapped = experiments.flatMap(({ id: from, name }) => {
      const to = String(places.get(from)?.id);
      return from === to ? [] : [{ name, from, to }];
    });
    return { tally, places, mapped, notes };
  };
  const { notes, ...imported } = await (isDryRun ? database.read(work) : database.write(work));
  for (const note of notes) findings.add('conflict', 'an experiment of the same name differs', note);
  return imported;
}

async function findHere(sql: Sql, experiment: SourceExperiment, isDryRun: boolean): Promise<Row | undefined> {
  const found = await sql.get('SELECT * FROM experiments WHERE name = ?', experiment.name);
  return found !== undefined && numberOf(found) === DEFAULT
    ? takeOverDefault(sql, { theirs: experiment, place: placeOf(experiment), isDryRun })
    : found;
}

function numberOf(row: Row): number {
  return Number(row['experiment_id']);
}

function placeAt(row: Row): Place {
  const location = locationOf(row, ROOT);
  return {
    id: numberOf(row),
    folder: location.startsWith(ROOT) ? location.slice(ROOT.length).replace(/^\/+/, '') : undefined,
  };
}

/** Its own place, if that is a store which clients go to themselves. */
function placeOf({ location }: SourceExperiment): string | null {
  return location !== undefined && isElsewhere(location) ? location : null;
}

async function insert(sql: Sql, experiment: SourceExperiment, id: number | undefined): Promise<Row> {
  const { name, lifecycle, createdAt, updatedAt, tags } = experiment;
  const [columns, values] = id === undefined ? ['', []] : ['experiment_id, ', [id]];
  const row = await sql.get(
    `INSERT INTO experiments (${columns}name, lifecycle_stage, creation_time, last_update_time, artifact_location)
     VALUES (${id === undefined ? '' : '?, '}?, ?, ?, ?, ?) RETURNING experiment_id, artifact_location`,
    ...values,
    name,
    lifecycle,
    createdAt,
    updatedAt,
    placeOf(experiment),
  );
  if (row === undefined) throw new Error('Internal error: an experiment was not inserted');
  await sql.runMany(
    TAGS,
    tags.map(({ key, value }) => [numberOf(row), key, value]),
  );
  return row;
}

const TAGS =
  'INSERT INTO experiment_tags (experiment_id, key, value) VALUES (?, ?, ?) ON CONFLICT DO NOTHING';

/** Adds what is missing to an experiment that is there; gives what differs and stays. */
async function join(
  sql: Sql,
  { lifecycle, tags }: SourceExperiment,
  found: Row,
  isDryRun: boolean,
): Promise<readonly string[]> {
  const id = numberOf(found);
  const rows = await sql.all('SELECT key, value FROM experiment_tags WHERE experiment_id = ?', id);
  const here = new Map(rows.map((row) => [String(row['key']), String(row['value'])]));
  const differing = tags.filter(({ key, value }) => (here.get(key) ?? value) !== value);
  const missing = tags.filter(({ key }) => !here.has(key));
  if (!isDryRun)
    await sql.runMany(
      TAGS,
      missing.map(({ key, value }) => [id, key, value]),
    );
  return [
    ...(found['lifecycle_stage'] === lifecycle ? [] : ['the lifecycle stage']),
    ...differing.map(({ key }) => `the tag ${key}`),
  ];
}

/** SQLite goes on behind the largest number that it ever saw; PostgreSQL has to be told. */
async function moveSequence(sql: Sql): Promise<void> {
  const sequence = `pg_get_serial_sequence('experiments', 'experiment_id')`;
  await sql.all(
    `SELECT setval(${sequence}, greatest((SELECT max(experiment_id) FROM experiments), pg_sequence_last_value(CAST(${sequence} AS regclass)), 1))`,
  );
}
