import { type CardBlock, type CardCell, defineCard } from 'stockpot/steps';
import type { ColumnProfile, TableProfile } from 'stockpot/tables';

const SHOWN = 500;

/** How many rows there are, and what is in each column. */
export const card = defineCard(({ read }) => {
  const { rows, columns } = read('profile') as TableProfile;
  const blocks: CardBlock[] = [
    { kind: 'text', text: `${rows.toLocaleString('en-US')} rows, ${columns.length} columns.` },
    {
      kind: 'table',
      head: [
        'column',
        'type',
        'missing',
        'distinct',
        'min',
        '5 %',
        'median',
        'mean',
        '95 %',
        'max',
        'histogram',
        'most frequent',
      ],
      rows: columns.slice(0, SHOWN).map((column) => rowOf(column, rows)),
    },
  ];
  if (columns.length > SHOWN) blocks.push({ kind: 'text', text: `The first ${SHOWN} columns are shown.` });
  return blocks;
});

function rowOf(
  { name, type, missing, distinct, min, max, mean, quantiles, histogram, top }: ColumnProfile,
  rows: number,
): CardCell[] {
  return [
    name,
    type,
    { kind: 'share', value: rows === 0 ? 0 : missing / rows },
    distinct,
    min ?? null,
    quantiles?.[0] ?? null,
    quantiles?.[2] ?? null,
    mean ?? null,
    quantiles?.[4] ?? null,
    max ?? null,
    histogram === undefined ? null : { kind: 'spark', counts: [...histogram] },
    (top ?? [])
      .slice(0, 4)
      .map(({ value, count }) => `${value} (${count.toLocaleString('en-US')})`)
      .join(', '),
  ];
}
