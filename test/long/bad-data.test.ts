import { chmodSync, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import type { RunEvent } from '../../src/core/events.ts';
import type { Failure } from '../../src/core/failure.ts';
import { Tables } from '../../src/tables/tables.ts';
import { CliRig } from '../rigs/cli-rig.ts';

type Content = string | Uint8Array;
interface Case {
  readonly files: Readonly<Record<string, Content>>;
  /** What the recipe names, if it is not the one file. */
  readonly location?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}

function lines(count: number, line: (n: number) => string): string {
  return `${Array.from({ length: count }, (_, n) => line(n)).join('\n')}\n`;
}

const ROWS = lines(200, (n) => `${n % 13},${['x', 'z', 'w'][n % 3]},${n % 2 === 0}`);
const GOOD = `a,b,y\n${ROWS}`;
/** Long enough that its packed half holds many whole lines. */
const LONG = `a,b\n${lines(20_000, (n) => `${Math.imul(n, 2_654_435_761) >>> 0},${n % 7}`)}`;
const JSON_ROWS = JSON.stringify(Array.from({ length: 200 }, (_, n) => ({ a: n % 13, y: n % 2 === 0 })));
const NDJSON = lines(100, (n) => JSON.stringify({ a: n, y: n % 2 === 0 }));

const one = (name: string, content: Content): Case => ({ files: { [name]: content } });
const half = (bytes: Uint8Array): Uint8Array => bytes.subarray(0, bytes.length >> 1);
const bytes = (...parts: (string | readonly number[])[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : Uint8Array.from(part))));

/** Runs all cases as steps of one recipe; gives what each was told, and its warnings. */
async function ingestAll(cases: Readonly<Record<string, Case>>): Promise<Map<string, string>> {
  await using rig = await CliRig.create();
  const steps: Record<string, unknown> = {};
  for (const [step, { files, location, with: config }] of Object.entries(cases)) {
    mkdirSync(join(rig.dir, step));
    for (const [name, content] of Object.entries(files)) await rig.write(join(step, name), content);
    const path = `./${step}/${location ?? Object.keys(files)[0] ?? ''}`.replace(/\/$/, '');
    steps[step] = { uses: 'ingest', with: { location: path, ...config } };
  }
  await rig.write('recipe.yaml', JSON.stringify({ steps }));
  const events = await rig.events('-k', '-j', '2');
  const told = toldBy(events);
  const stored = readdirSync(join(rig.dir, '.stockpot/cache/results'), {
    recursive: true,
    withFileTypes: true,
  });
  expect(stored.filter((entry) => entry.isFile())).toHaveLength(
    events.filter(({ type }) => type === 'step.succeeded').length,
  );
  return told;
}

/** What a step was told when it failed; the rows and columns it read when it did not. */
function toldBy(events: readonly RunEvent[]): Map<string, string> {
  const told = new Map<string, string>();
  for (const event of events) {
    if (event.type === 'step.failed') told.set(event.step, failureOf(event.failure));
    if (event.type !== 'step.report' || event.entry.type !== 'dataset') continue;
    const { schema, profile } = event.entry as unknown as {
      schema: { name: string; type: string }[];
      profile: { num_rows: number };
    };
    const columns = schema.map(({ name, type }) => `${name} ${type}`).join(', ');
    told.set(event.step, `${profile.num_rows} rows: ${columns}`);
  }
  return told;
}

function failureOf(failure: Failure): string {
  return failure.reason === 'threw' ? `${failure.error.code}: ${failure.error.message}` : failure.reason;
}

describe('a file that cannot be read ends its step with the file, the place and the rule', () => {
  const UNREADABLE = 'DATA_UNREADABLE: ';
  const CASES: Readonly<Record<string, Case & { readonly says: string }>> = {
    empty: { ...one('d.csv', ''), says: 'DATA_FILE_EMPTY: empty/d.csv has no rows' },
    header: { ...one('d.csv', 'a,b,y\n'), says: 'DATA_FILE_EMPTY: header/d.csv has no rows' },
    'no-list': { ...one('d.json', ' [ ]\n'), says: 'DATA_FILE_EMPTY: no-list/d.json has no rows' },
    folder: { files: {}, says: 'DATA_FILE_EMPTY: folder has no rows' },
    blank: {
      ...one('d.csv', '\n\n\n'),
      says: `${UNREADABLE}blank/d.csv cannot be read: line 1: it is blank, where the names of the columns belong`,
    },
    ending: {
      ...one('d.dat', GOOD),
      says: 'DATA_FORMAT_UNKNOWN: ending/d.dat has none of the endings csv, tsv, json, ndjson, jsonl, parquet',
    },
    among: {
      files: { '1.csv': GOOD, 'README.md': 'About' },
      location: '',
      says: 'DATA_FORMAT_UNKNOWN: among/README.md has none of the endings csv, tsv, json, ndjson, jsonl, parquet',
    },
    gzip: {
      ...one('d.csv.gz', half(gzipSync(LONG))),
      says: `${UNREADABLE}gzip/d.csv.gz cannot be read: the compressed file is cut off`,
    },
    zstd: {
      ...one('d.csv.zst', half(zstdCompressSync(LONG))),
      says: `${UNREADABLE}zstd/d.csv.zst cannot be read: the compressed file is cut off`,
    },
    'no-gzip': {
      ...one('d.csv.gz', GOOD),
      says: `${UNREADABLE}no-gzip/d.csv.gz cannot be read: it is damaged, or is not compressed as its name says`,
    },
    column: {
      files: { '1.csv': GOOD, '2.csv': 'a,c,y\n1,2,true\n' },
      location: '*.csv',
      says: 'DATA_SCHEMA_DIFFERS: column/2.csv differs from the file before it: the column b is missing',
    },
    type: {
      files: { '1.csv': GOOD, '2.csv': 'a,b,y\nq,2,true\n' },
      location: '',
      says: 'DATA_SCHEMA_DIFFERS: type/2.csv differs from the file before it: the column a is text, not integer',
    },
    new: {
      files: { '1.csv': GOOD, '2.csv': 'a,b,y,z\n1,x,true,1\n' },
      location: '',
      says: 'DATA_SCHEMA_DIFFERS: new/2.csv differs from the file before it: the column z is new',
    },
    wide: {
      ...one('d.csv', `${GOOD}1,x,true,9\n`),
      says: `${UNREADABLE}wide/d.csv cannot be read: line 202: it has 4 fields, the header 3`,
    },
    narrow: {
      ...one('d.csv', `${GOOD}1\n${ROWS}`),
      says: `${UNREADABLE}narrow/d.csv cannot be read: line 202: it has 1 field, the header 3`,
    },
    quote: {
      ...one('d.csv', `${GOOD}1,"x,true\n${ROWS}`),
      says: `${UNREADABLE}quote/d.csv cannot be read: line 202: a quote is not closed, or text follows it`,
    },
    endings: {
      ...one('d.csv', `${GOOD.replaceAll('\n', '\r\n')}1,x,true\n`),
      says: `${UNREADABLE}endings/d.csv cannot be read: some lines end in CRLF and others in LF`,
    },
    latin1: {
      ...one('d.csv', bytes(GOOD, '1,', [0xff, 0xfe], ',true\n')),
      says: `${UNREADABLE}latin1/d.csv cannot be read: line 202: it is not UTF-8`,
    },
    utf16: {
      ...one('d.csv', Buffer.from(`\uFEFF${GOOD}`, 'utf16le')),
      says: `${UNREADABLE}utf16/d.csv cannot be read: line 1: it is UTF-16, not UTF-8`,
    },
    nul: {
      ...one('d.csv', `${GOOD}1,x\0y,true\n`),
      says: `${UNREADABLE}nul/d.csv cannot be read: the column b has a NUL character in row 201`,
    },
    'nul-name': {
      ...one('d.csv', GOOD.replace('b,y', 'b\0,y')),
      says: `${UNREADABLE}nul-name/d.csv cannot be read: line 1: the name of column 2 has a NUL character`,
    },
    twice: {
      ...one('d.csv', `a,"a",y\n${ROWS}`),
      says: 'DATA_COLUMN_TWICE: twice/d.csv has two columns of the name a in line 1',
    },
    capitals: {
      ...one('d.csv', `a,A,y\n${ROWS}`),
      says: 'DATA_COLUMN_TWICE: capitals/d.csv has the columns a and A in line 1, which differ in case only',
    },
    ndjson: {
      ...one('d.ndjson', `${NDJSON}{"a":1,"y":\n${NDJSON}`),
      says: `${UNREADABLE}ndjson/d.ndjson cannot be read: line 102, byte 30: unexpected character`,
    },
    numbers: {
      ...one('d.ndjson', '1\n2\n'),
      says: `${UNREADABLE}numbers/d.ndjson cannot be read: it is no list of JSON objects`,
    },
    scalar: {
      ...one('d.json', '42'),
      says: `${UNREADABLE}scalar/d.json cannot be read: it is no list of JSON objects`,
    },
    object: {
      ...one('d.json', '{ "a": [1, 2], "y": [true, false] }'),
      says: `${UNREADABLE}object/d.json cannot be read: it is one JSON object, not a list of them`,
    },
    cut: {
      ...one('d.json', JSON_ROWS.slice(0, 1000)),
      says: `${UNREADABLE}cut/d.json cannot be read: record 58, byte 8: unexpected end of data`,
    },
    mark: {
      ...one('d.json', `\uFEFF${JSON_ROWS}`),
      says: `${UNREADABLE}mark/d.json cannot be read: line 1: it begins with a byte order mark, which JSON does not allow`,
    },
    key: {
      ...one('d.json', '[{"a":1,"a":2},{"a":1,"a":2}]'),
      says: `${UNREADABLE}key/d.json cannot be read: record 1: the key a occurs twice`,
    },
    'no-parquet': {
      ...one('d.parquet', GOOD),
      says: `${UNREADABLE}no-parquet/d.parquet cannot be read: it is cut off, or is no Parquet file`,
    },
    types: {
      ...one('d.csv', GOOD),
      with: { types: { b: 'integer' } },
      says: `${UNREADABLE}types/d.csv cannot be read: the column b holds 'x', which is no INT64`,
    },
    reserved: {
      ...one('d.csv', GOOD.replace('a,b', '__row,b')),
      says: 'DATA_COLUMN_RESERVED: The column __row has a name that is kept for Stockpot',
    },
  };

  test('of every kind', async () => {
    const told = await ingestAll(CASES);
    expect(Object.fromEntries(told)).toEqual(
      Object.fromEntries(Object.entries(CASES).map(([step, { says }]) => [step, says])),
    );
  }, 240_000);

  test('a Parquet file that is cut, or damaged inside', async () => {
    const whole = await parquet('SELECT i % 13 AS a, i % 2 = 0 AS y FROM range(20000) t(i)');
    const damaged = Buffer.from(whole);
    damaged.fill(0, 100, 400);
    const told = await ingestAll({
      cut: one('d.parquet', half(whole)),
      tail: one('d.parquet', whole.subarray(whole.length >> 1)),
      inside: one('d.parquet', damaged),
      named: one('d.csv', whole),
    });
    expect(Object.fromEntries(told)).toEqual({
      cut: `${UNREADABLE}cut/d.parquet cannot be read: it is cut off, or is no Parquet file`,
      tail: `${UNREADABLE}tail/d.parquet cannot be read: it is a damaged Parquet file`,
      inside: `${UNREADABLE}inside/d.parquet cannot be read: it is a damaged Parquet file`,
      named: `${UNREADABLE}named/d.csv cannot be read: it is a Parquet file`,
    });
  }, 60_000);

  test('on a terminal: exit 1, what to do, and no stack', async () => {
    await using rig = await CliRig.create({
      'recipe.yaml': 'steps:\n  a: { uses: ingest, with: { location: ./data/d.csv } }\n',
      'data/d.csv': 'a\n1,2\n',
    });
    const { exit, out, err } = await rig.recipe('run');
    expect(exit).toBe(1);
    expect(out.split('\n')).toEqual(
      expect.arrayContaining([
        'a  failed: data/d.csv cannot be read: line 2: it has 2 fields, the header 1',
        'a  Correct the file at the line named, or say its format with `using:`.',
      ]),
    );
    expect(out + err).not.toMatch(/^\s+at |node:internal/m);
  });

  test.each([
    ['./d.csv', './d.csv'],
    ['./d/*.csv', './d/*.csv'],
  ])('%s that does not exist is found before anything is written: exit 2', async (location, path) => {
    await using rig = await CliRig.create({
      'recipe.yaml': `steps:\n  a: { uses: ingest, with: { location: "${location}" } }\n`,
    });
    const { exit, err } = await rig.recipe('run');
    expect(exit).toBe(2);
    expect(err).toContain(`The input source of the step a does not exist: ${path} [INPUT_NOT_FOUND]`);
    expect(existsSync(join(rig.dir, '.stockpot'))).toBe(false);
  });
});

// To root everything is readable.
test.runIf(process.getuid?.() !== 0)('a folder that may not be read is named: exit 2', async () => {
  await using rig = await CliRig.create({
    'recipe.yaml': 'steps:\n  a: { uses: ingest, with: { location: ./d } }\n',
    'd/1.csv': GOOD,
  });
  chmodSync(join(rig.dir, 'd'), 0);
  const { exit, err } = await rig.recipe('run');
  chmodSync(join(rig.dir, 'd'), 0o700);
  expect(exit).toBe(2);
  expect(err).toContain('The input source of the step a may not be read: ./d [INPUT_UNREADABLE]');
});

describe('what is merely unusual is read as it is', () => {
  test('with all its rows and the same columns', async () => {
    const told = await ingestAll({
      'byte-order-mark': one('d.csv', `\uFEFF${GOOD}`),
      crlf: one('d.csv', GOOD.replaceAll('\n', '\r\n')),
      'blank-lines': one('d.csv', `${GOOD}\n\n${ROWS}`),
      'no-last-line-end': one('d.csv', GOOD.trimEnd()),
      'packed-semicolons': one('d.csv.gz', gzipSync(GOOD.replaceAll(',', ';'))),
      infinite: one('d.csv', 'a\n1e400\n2.5\n'),
      nameless: one('d.csv', 'a,,y\n1,2,3\n'),
      'other-order': { files: { '1.csv': GOOD, '2.csv': 'y,b,a\ntrue,q,6\n' }, location: '' },
      'later-keys': one('d.ndjson', '{"a":1}\n{"b":"x"}\n'),
    });
    const all = 'a integer, b text, y boolean';
    expect(Object.fromEntries(told)).toEqual({
      'byte-order-mark': `200 rows: ${all}`,
      crlf: `200 rows: ${all}`,
      'blank-lines': `400 rows: ${all}`,
      'no-last-line-end': `200 rows: ${all}`,
      'packed-semicolons': `200 rows: ${all}`,
      infinite: '2 rows: a float',
      nameless: '1 rows: a integer, column1 integer, y integer',
      'other-order': `201 rows: ${all}`,
      'later-keys': '2 rows: a integer, b text',
    });
  }, 120_000);
});

/** A Parquet file's bytes. */
async function parquet(select: string): Promise<Buffer> {
  const { mkdtempSync, readFileSync, rmSync } = await import('node:fs');
  const { tmpdir } = await import('node:os');
  const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
  try {
    await using tables = await Tables.open({ threads: 1, tmp: dir });
    await tables.writeTable(select, join(dir, 'x.parquet'), 'ALL');
    return readFileSync(join(dir, 'x.parquet'));
  } finally {
    rmSync(dir, { recursive: true });
  }
}
