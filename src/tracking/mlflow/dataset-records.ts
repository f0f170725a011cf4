import type { Row, Sql, SqlValue } from '../../db/sql.ts';
import { pageToken, positionOf, searchDigest } from '../page-token.ts';
import { columnKey } from '../sort-key.ts';
import { checkMaxResults } from './check.ts';
import { type Exact, inputHash, isMap, readExactly, schemaWith } from './dataset-values.ts';
import { digestOf, readDataset, requireDataset, USER_TAG } from './evaluation-datasets.ts';
import { inList, listOf } from './in-list.ts';
import { invalid } from './mlflow-error.ts';
import { positionAt, rowsAfter } from './page.ts';

const SOURCES = ['UNSPECIFIED', 'TRACE', 'HUMAN', 'DOCUMENT', 'CODE'];
const MAX_RECORDS = 10_000;

/** A record of an evaluation data set, as a client sends it. */
interface NewRecord {
  readonly inputs: Exact;
  /** Anything; undefined if it is absent. */
  readonly outputs: unknown;
  readonly expectations: Exact | undefined;
  readonly tags: Exact | undefined;
  readonly source: Exact | undefined;
  readonly hash: string;
}

/**
 * Adds records; one of the same inputs as one that is there is joined to it: outputs are those of the new
 * one, expectations and tags are added to.
 *
 * @param text JSON, a list of records
 */
export async function upsertRecords(
  sql: Sql,
  id: string,
  text: string,
  { at, newId }: { readonly at: number; readonly newId: () => string },
): Promise<{ inserted: number; updated: number }> {
  const records = readRecords(text);
  const dataset = await requireDataset(sql, id);
  const rows = await sql.all(
    `SELECT * FROM evaluation_dataset_records WHERE dataset_id = ? AND input_hash IN ${inList(sql, 'text')}`,
    id,
    listOf(records.map(({ hash }) => hash)),
  );
  const known = new Map(rows.map((row) => [String(row['input_hash']), row as Cells]));
  const changed = new Map<string, Cells>();
  let inserted = 0;
  for (const record of records) {
    const before = known.get(record.hash);
    if (before === undefined) inserted += 1;
    const after =
      before === undefined ? inserting(record, id, `dr-${newId()}`, at) : merging(before, record, at);
    known.set(record.hash, after);
    changed.set(record.hash, after);
  }
  await sql.runMany(
    `INSERT INTO evaluation_dataset_records (${COLUMNS.join(', ')}) VALUES (${COLUMNS.map(() => '?').join(', ')})
     ON CONFLICT (dataset_id, input_hash) DO UPDATE SET ${MERGED.map((column) => `${column} = excluded.${column}`).join(', ')}`,
    Array.from(changed.values(), (row) => COLUMNS.map((column) => row[column])),
  );
  const user = records.findLast(({ tags }) => tags !== undefined && USER_TAG in tags)?.tags?.[USER_TAG];
  await sql.run(
    `UPDATE evaluation_datasets SET record_count = record_count + ?, schema = ?, digest = ?, last_update_time = ?, last_updated_by = ?
     WHERE dataset_id = ?`,
    inserted,
    schemaWith(dataset['schema'] === null ? undefined : String(dataset['schema']), records),
    digestOf(String(dataset['name']), at),
    at,
    user === undefined ? null : String(user),
    id,
  );
  return { inserted, updated: records.length - inserted };
}

/** Gives how many were there. */
export async function deleteRecords(sql: Sql, id: string, recordIds: readonly string[]): Promise<number> {
  await requireDataset(sql, id);
  const deleted = await sql.run(
    `DELETE FROM evaluation_dataset_records WHERE dataset_id = ? AND record_id IN ${inList(sql, 'text')}`,
    id,
    listOf(recordIds),
  );
  await sql.run(
    'UPDATE evaluation_datasets SET record_count = record_count - ? WHERE dataset_id = ?',
    deleted,
    id,
  );
  return deleted;
}

/** Some records as JSON, the oldest first, and a token only if more follow. */
export async function readRecordsPage(
  sql: Sql,
  id: string,
  { maxResults, pageToken: before }: { readonly maxResults: number; readonly pageToken: string | undefined },
): Promise<{ records: string; token: { next_page_token?: string } }> {
  checkMaxResults(maxResults, MAX_RECORDS);
  await readDataset(sql, id);
  const keys = [columnKey('r.created_time', 'integer'), columnKey('r.record_id', 'text')];
  const where = [{ text: 'r.dataset_id = ?', values: [id] }];
  const search = searchDigest('records of a data set', id, [], where, []);
  const rows = await rowsAfter(sql, {
    select: 'r.*',
    from: 'evaluation_dataset_records r',
    where,
    keys,
    position: positionOf(before, search, keys),
    limit: maxResults + 1,
  });
  const last = rows.length > maxResults ? rows[maxResults - 1] : undefined;
  return {
    records: `[${rows.slice(0, maxResults).map(recordText).join(',')}]`,
    token: last === undefined ? {} : { next_page_token: pageToken(search, positionAt(last, keys)) },
  };
}

const MERGED = ['outputs', 'expectations', 'tags', 'last_update_time', 'last_updated_by'] as const;
const COLUMNS = [
  ...MERGED,
  'record_id',
  'dataset_id',
  'inputs',
  'source',
  'source_id',
  'source_type',
  'created_time',
  'created_by',
  'input_hash',
] as const;

type Cells = Readonly<Record<(typeof COLUMNS)[number], SqlValue>>;

function inserting(record: NewRecord, dataset: string, id: string, at: number): Cells {
  const { inputs, outputs, expectations, tags, source, hash } = record;
  const data = source === undefined ? {} : (source['source_data'] as Exact);
  const user = tags?.[USER_TAG];
  const type = source === undefined ? null : String(source['source_type']);
  const sourceId = data[type === 'TRACE' ? 'trace_id' : 'source_id'];
  return {
    record_id: id,
    dataset_id: dataset,
    inputs: JSON.stringify(inputs),
    // MLflow keeps an empty map where none is given.
    outputs: outputs === undefined ? '{}' : outputs === null ? null : JSON.stringify(outputs),
    expectations: expectations === undefined ? null : JSON.stringify(expectations),
    tags: JSON.stringify(tags ?? {}),
    source: source === undefined ? null : JSON.stringify(source),
    source_id: sourceId === undefined || sourceId === null ? null : String(sourceId),
    source_type: type,
    created_time: at,
    last_update_time: at,
    created_by: user === undefined ? null : String(user),
    last_updated_by: user === undefined ? null : String(user),
    input_hash: hash,
  };
}

function merging(before: Cells, { outputs, expectations, tags }: NewRecord, at: number): Cells {
  const joined = (column: 'expectations' | 'tags', added: Exact | undefined): string | null => {
    const text = before[column] === null ? undefined : String(before[column]);
    if (added === undefined) return text ?? null;
    return JSON.stringify({ ...(text === undefined ? {} : (readExactly(text, column) as Exact)), ...added });
  };
  const user = tags?.[USER_TAG];
  return {
    ...before,
    ...(outputs === undefined ? {} : { outputs: outputs === null ? null : JSON.stringify(outputs) }),
    expectations: joined('expectations', expectations),
    tags: joined('tags', tags),
    last_update_time: at,
    ...(user === undefined ? {} : { last_updated_by: String(user) }),
  };
}

/** What is JSON already goes into the answer as it is. */
function recordText(row: Row): string {
  const plain = (key: string, column = key): string[] =>
    row[column] === null ? [] : [`${JSON.stringify(key)}:${JSON.stringify(row[column])}`];
  const json = (key: string): string[] =>
    row[key] === null ? [] : [`${JSON.stringify(key)}:${String(row[key])}`];
  return `{${[
    ...plain('dataset_record_id', 'record_id'),
    ...plain('dataset_id'),
    ...json('inputs'),
    ...json('outputs'),
    ...json('expectations'),
    ...json('tags'),
    ...json('source'),
    ...plain('source_id'),
    ...plain('source_type'),
    `"created_time":${Number(row['created_time'])}`,
    `"last_update_time":${Number(row['last_update_time'])}`,
    ...plain('created_by'),
    ...plain('last_updated_by'),
  ].join(',')}}`;
}

function readRecords(text: string): NewRecord[] {
  const list = readExactly(text, 'records');
  if (!Array.isArray(list) || list.length > MAX_RECORDS)
    throw invalid(
      `Invalid value for parameter 'records' supplied: it must be a list of at most ${MAX_RECORDS} records.`,
    );
  return list.map((given: unknown, index) => {
    const at = `records[${index}]`;
    const record = mapOf(given, at) ?? {};
    const inputs = mapOf(record['inputs'], `${at}.inputs`) ?? {};
    return {
      inputs,
      outputs: record['outputs'],
      expectations: mapOf(record['expectations'], `${at}.expectations`),
      tags: mapOf(record['tags'], `${at}.tags`),
      source: sourceOf(mapOf(record['source'], `${at}.source`), `${at}.source`),
      hash: inputHash(inputs),
    };
  });
}

function mapOf(value: unknown, name: string): Exact | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isMap(value)) throw invalid(`Invalid value for parameter '${name}' supplied: it must be a map.`);
  return value;
}

function sourceOf(source: Exact | undefined, name: string): Exact | undefined {
  if (source === undefined || Object.keys(source).length === 0) return undefined;
  const type = String(source['source_type']).toUpperCase();
  if (!SOURCES.includes(type))
    throw invalid(
      `Invalid value for parameter '${name}.source_type' supplied: there are ${SOURCES.join(', ')}.`,
    );
  return { source_type: type, source_data: mapOf(source['source_data'], `${name}.source_data`) ?? {} };
}
