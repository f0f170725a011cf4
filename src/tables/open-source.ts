import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { RecipeError } from '../core/recipe-error.ts';
import { type CsvHead, readCsvHead } from './csv-head.ts';
import { describeSelect, type TableColumn } from './describe-table.ts';
import { plainFile } from './plain-file.ts';
import { readProblem } from './read-problem.ts';
import { quoteIdentifier, quoteLiteral } from './sql-text.ts';
import type { Tables } from './tables.ts';

export const SOURCE_FORMATS = ['csv', 'tsv', 'json', 'ndjson', 'jsonl', 'parquet'] as const;
export type SourceFormat = (typeof SOURCE_FORMATS)[number];

/** Enough to hold a header. */
const HEAD_BYTES = 256 * 1024;

export interface SourceOptions {
  /** The format, if the name does not say it. */
  readonly using?: SourceFormat | undefined;
  /** What messages call the file. */
  readonly name: string;
  /** Folder for what is unpacked. */
  readonly tmp: string;
}

/** A file of rows that can be read, as far as its beginning and its types tell. */
export interface Source {
  readonly name: string;
  readonly format: SourceFormat;
  /** The file that is read: of a compressed one its unpacked copy. */
  readonly path: string;
  readonly select: string;
  readonly columns: readonly TableColumn[];
}

/**
 * Finds out how a file is to be read, by the ending of its name or as `using` says.
 *
 * @throws RecipeError DATA_FILE_EMPTY, DATA_FORMAT_UNKNOWN, DATA_UNREADABLE, DATA_COLUMN_TWICE
 */
export async function openSource(tables: Tables, file: string, options: SourceOptions): Promise<Source> {
  const { name, tmp } = options;
  const format =
    options.using ?? SOURCE_FORMATS.find((one) => new RegExp(`\\.${one}(?:\\.gz|\\.zst)?$`, 'i').test(file));
  if (format === undefined) throw new RecipeError('DATA_FORMAT_UNKNOWN', { file: name });
  const unreadable = (problem: string, cause?: unknown): RecipeError =>
    new RecipeError('DATA_UNREADABLE', { file: name, problem }, { cause });
  let path: string;
  let head: Buffer;
  try {
    path = await plainFile(file, tmp);
    head = readHead(path);
  } catch (cause) {
    throw unreadable(readProblem(cause), cause);
  }
  if (head.length === 0 || /^\s*\[\s*\]\s*$/.test(head.toString('latin1')))
    throw new RecipeError('DATA_FILE_EMPTY', { file: name });
  const problem = problemOfStart(head, format);
  if (problem !== undefined) throw unreadable(problem);
  const csv = format === 'csv' || format === 'tsv' ? readCsvHead(head, format) : undefined;
  if (csv !== undefined) checkHeader(csv, name, unreadable);
  const select = selectOf(path, format, csv);
  try {
    return { name, format, path, select, columns: await describeSelect(tables, select) };
  } catch (cause) {
    throw unreadable(await explain(tables, path, csv, cause), cause);
  }
}

function selectOf(path: string, format: SourceFormat, csv: CsvHead | undefined): string {
  const file = quoteLiteral(path);
  switch (format) {
    case 'parquet':
      return `SELECT * FROM read_parquet(${file})`;
    case 'csv':
    case 'tsv':
      // Types are taken from the whole file: one odd value on the last line must not end the run there.
      return `SELECT * FROM read_csv(${file}, ${csvOptions(csv)}, sample_size = -1)`;
    case 'json':
      return `SELECT * FROM read_json(${file}, records = true, sample_size = -1)`;
    case 'ndjson':
    case 'jsonl':
      return `SELECT * FROM read_json(${file}, format = 'newline_delimited', records = true, sample_size = -1)`;
  }
}

/** All that could be guessed is said: a guess may skip lines that do not fit it, and tells nobody. */
function csvOptions(csv: CsvHead | undefined): string {
  return `header = true, strict_mode = true, skip = 0, comment = '', quote = '"', escape = '"', null_padding = false, delim = ${quoteLiteral(csv?.delimiter ?? ',')}`;
}

/** A failed guess at types names no line; a reading of texts by the header alone does. */
async function explain(
  tables: Tables,
  path: string,
  csv: CsvHead | undefined,
  cause: unknown,
): Promise<string> {
  if (csv === undefined || !String(cause).includes('when sniffing')) return readProblem(cause);
  const columns = csv.names.map((_, index) => `${quoteIdentifier(`c${index}`)}: 'VARCHAR'`).join(', ');
  try {
    await tables.query(
      `SELECT count(*) FROM read_csv(${quoteLiteral(path)}, ${csvOptions(csv)}, auto_detect = false, columns = {${columns}})`,
    );
  } catch (found) {
    return readProblem(found);
  }
  return readProblem(cause);
}

function checkHeader({ names }: CsvHead, file: string, unreadable: (problem: string) => RecipeError): void {
  if (names.every((name) => name === ''))
    throw unreadable('line 1: it is blank, where the names of the columns belong');
  const odd = names.findIndex((name) => name.includes('\0'));
  if (odd !== -1) throw unreadable(`line 1: the name of column ${odd + 1} has a NUL character`);
  const seen = new Map<string, string>();
  for (const column of names) {
    const before = seen.get(column.toLowerCase());
    if (column !== '' && before !== undefined)
      throw new RecipeError('DATA_COLUMN_TWICE', { file, column, before });
    seen.set(column.toLowerCase(), column);
  }
}

function problemOfStart(head: Buffer, format: SourceFormat): string | undefined {
  if (format === 'parquet') return undefined;
  const isWide = (head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff);
  if (isWide) return 'line 1: it is UTF-16, not UTF-8';
  if (head.toString('latin1', 0, 4) === 'PAR1') return 'it is a Parquet file';
  const isCsv = format === 'csv' || format === 'tsv';
  if (!isCsv && head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf)
    return 'line 1: it begins with a byte order mark, which JSON does not allow';
  if (format === 'json' && isOneObject(head)) return 'it is one JSON object, not a list of them';
  return undefined;
}

/** Only a file that the head holds whole can tell: of others the number of rows will. */
function isOneObject(head: Buffer): boolean {
  if (head.length === HEAD_BYTES) return false;
  try {
    const value: unknown = JSON.parse(head.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

function readHead(path: string): Buffer {
  if (statSync(path).size === 0) return Buffer.alloc(0);
  const fd = openSync(path, 'r');
  try {
    const head = Buffer.alloc(HEAD_BYTES);
    return head.subarray(0, readSync(fd, head));
  } finally {
    closeSync(fd);
  }
}
