import type { CardBlock, CardCell } from '../../core/card-block.ts';
import { previewTable } from '../../tables/preview-table.ts';

const ROWS = 20;
const MAX_CELL = 200;

/** A table's size and its first rows. */
export async function tableBlocks(path: string, tmp: string): Promise<CardBlock[]> {
  const { rows, columns, first } = await previewTable(path, ROWS, tmp);
  return [
    { kind: 'text', text: `${rows.toLocaleString('en-US')} rows, ${columns.length} columns.` },
    {
      kind: 'table',
      head: columns.slice(0, first[0]?.length ?? 0).map(({ name }) => name),
      rows: first.map((row) => row.map(cellOf)),
    },
  ];
}

function cellOf(value: unknown): CardCell {
  if (value === null || value === undefined) return null;
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(value);
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > MAX_CELL ? `${text.slice(0, MAX_CELL)}…` : text;
}
