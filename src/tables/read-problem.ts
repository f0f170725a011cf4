/** A message has values of the file in it, of any length, which patterns go over more than once. */
const MAX_MESSAGE = 10_000;

/**
 * In one line what is wrong with a file that cannot be read, and where. The engine's own messages go on
 * with advice about its functions, name paths of an attempt, and differ by the way a fault is found.
 */
export function readProblem(error: unknown): string {
  const text = (error instanceof Error ? error.message : String(error)).slice(0, MAX_MESSAGE);
  const line = /CSV Error on Line: (\d+)/.exec(text)?.[1];
  for (const [pattern, say] of PROBLEMS) {
    const match = pattern.exec(text);
    if (match !== null) return `${line === undefined ? '' : `line ${line}: `}${say(match)}`;
  }
  const first = (text.split('\n')[0] ?? '')
    .replace(/^(?:[A-Z]\w+ )+Error: |^Error: /, '')
    .replaceAll(/ ?(?:in |to |read )?(?:file )?["'][^"']*\/[^"']*["']/g, '')
    .trim();
  return line === undefined ? first : `line ${line}: it does not fit the header`;
}

const PROBLEMS: readonly (readonly [RegExp, (match: RegExpExecArray) => string])[] = [
  [
    /Expected Number of Columns: (\d+) Found: (\d+)/,
    ([, expected, found]) => `it has ${fields(found)}, the header ${expected}`,
  ],
  [/unterminated quote/, () => 'a quote is not closed, or text follows it'],
  [/Invalid unicode|Invalid Input Error: Invalid UTF-?8|not utf-8/i, () => 'it is not UTF-8'],
  [/Maximum line size of (\d+) bytes/, ([, bytes]) => `it is longer than ${bytes} bytes`],
  [/state machine reached an invalid state/, () => 'some lines end in CRLF and others in LF'],
  [
    /at byte (\d+) in (line|record\/value) (\d+): (.*?)\.?\s*$/m,
    ([, byte, unit = '', number, problem = '']) =>
      `${unit.split('/')[0]} ${number}, byte ${byte}: ${problem}`,
  ],
  [
    /in (line|record\/value) (\d+): Object .* has duplicate key "(.*)"/,
    ([, unit = '', number, key]) => `${unit.split('/')[0]} ${number}: the key ${key} occurs twice`,
  ],
  [/non-record JSON/, () => 'it is no list of JSON objects'],
  [
    /No magic bytes found at end of file|too small to be a Parquet/,
    () => 'it is cut off, or is no Parquet file',
  ],
  [
    /decompression failure|don't know what type|Parquet|TProtocol|thrift/i,
    () => 'it is a damaged Parquet file',
  ],
  [/unexpected end of file|Src size is incorrect/i, () => 'the compressed file is cut off'],
  [
    /incorrect header check|incorrect data check|invalid (?:block|distance|stored|code|bit|literal)|Unknown frame descriptor|ZSTD/i,
    () => 'it is damaged, or is not compressed as its name says',
  ],
  [
    /Could not convert string '(.*)' to (\w+) when casting from source column (.+)/,
    ([, value, type, column]) => `the column ${column} holds '${value}', which is no ${type}`,
  ],
  [/EACCES|EPERM|Permission denied/i, () => 'reading it is not permitted'],
];

function fields(count: string | undefined): string {
  return count === '1' ? '1 field' : `${count} fields`;
}
