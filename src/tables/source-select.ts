import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { RecipeError } from '../core/recipe-error.ts';
import { quoteLiteral } from './sql-text.ts';

export const SOURCE_FORMATS = ['csv', 'tsv', 'json', 'ndjson', 'jsonl', 'parquet'] as const;
export type SourceFormat = (typeof SOURCE_FORMATS)[number];

/**
 * A SELECT of all rows of a file, by the ending of its name or as `using` says.
 *
 * @throws RecipeError DATA_FILE_EMPTY, DATA_FORMAT_UNKNOWN
 */
export function sourceSelect(file: string, using: SourceFormat | undefined): string {
  const format =
    using ?? SOURCE_FORMATS.find((name) => new RegExp(`\\.${name}(?:\\.gz|\\.zst)?$`, 'i').test(file));
  if (statSync(file).size === 0) throw new RecipeError('DATA_FILE_EMPTY', { file: shownName(file) });
  const path = quoteLiteral(file);
  switch (format) {
    case 'parquet':
      return `SELECT * FROM read_parquet(${path})`;
    case 'csv':
    case 'tsv':
      // Types are taken from the whole file: one odd value on the last line must not end the run there.
      // What else could be guessed is said: a guess may skip lines that do not fit it, and tells nobody.
      return `SELECT * FROM read_csv(${path}, header = true, sample_size = -1, strict_mode = true, skip = 0, comment = '', quote = '"', escape = '"', null_padding = false, delim = ${quoteLiteral(format === 'tsv' ? '\t' : delimiterOf(file))})`;
    case 'json':
      return `SELECT * FROM read_json(${path}, sample_size = -1)`;
    case 'ndjson':
    case 'jsonl':
      return `SELECT * FROM read_json(${path}, format = 'newline_delimited', sample_size = -1)`;
    case undefined:
      throw new RecipeError('DATA_FORMAT_UNKNOWN', { file: shownName(file) });
  }
}

/** What parts the first line most: left to guess by the rest, a short row would change the answer. */
function delimiterOf(file: string): string {
  if (/\.(?:gz|zst)$/i.test(file)) return ',';
  const fd = openSync(file, 'r');
  try {
    const head = Buffer.alloc(64 * 1024);
    const line = head.toString('utf8', 0, readSync(fd, head)).split('\n', 1)[0] ?? '';
    const bare = line.replaceAll(/"(?:[^"]|"")*"/g, '');
    return [',', ';', '\t', '|'].toSorted((a, b) => bare.split(b).length - bare.split(a).length)[0] ?? ',';
  } finally {
    closeSync(fd);
  }
}

/** The name that a person gave the file: entries of a list are numbered in an attempt. */
function shownName(path: string): string {
  return basename(path).replace(/^\d{3}-/, '');
}
