/** What the first line of a CSV says. */
export interface CsvHead {
  readonly delimiter: string;
  /** As written, without quotes. */
  readonly names: readonly string[];
}

/** Reads the header from the first bytes of a file, which hold all of it. */
export function readCsvHead(head: Buffer, format: 'csv' | 'tsv'): CsvHead {
  const text = head.toString('utf8').replace(/^\uFEFF/, '');
  const line = /^(?:"(?:[^"]|"")*"|[^"\r\n]|")*/.exec(text)?.[0] ?? '';
  const delimiter = format === 'tsv' ? '\t' : delimiterOf(line);
  return { delimiter, names: fieldsOf(line, delimiter) };
}

/** What parts the first line most: left to guess by the rest, a short row would change the answer. */
function delimiterOf(line: string): string {
  const bare = line.replaceAll(/"(?:[^"]|"")*"/g, '');
  return [',', ';', '\t', '|'].toSorted((a, b) => bare.split(b).length - bare.split(a).length)[0] ?? ',';
}

function fieldsOf(line: string, delimiter: string): string[] {
  const fields = [''];
  let quoted = false;
  for (const char of line) {
    if (char === '"') quoted = !quoted;
    if (char === delimiter && !quoted) fields.push('');
    else fields[fields.length - 1] += char;
  }
  return fields.map((field) =>
    field
      .trim()
      .replace(/^"([\s\S]*)"$/, '$1')
      .replaceAll('""', '"')
      .trim(),
  );
}
