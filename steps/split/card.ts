import { type CardBlock, defineCard } from 'stockpot/steps';

interface Summary {
  readonly using: string;
  readonly column?: string;
  readonly cuts?: readonly string[];
  readonly training_fraction?: number;
  readonly splits: readonly { readonly name: string; readonly rows: number; readonly share: number }[];
  readonly target?: {
    readonly column: string;
    readonly values?: Readonly<Record<string, readonly { readonly value: string; readonly rows: number }[]>>;
  };
}

const CLASSES = 20;

/** How the rows were divided, and whether the answer is spread alike over the parts. */
export const card = defineCard(({ read }) => {
  const summary = read('summary') as Summary;
  return [
    { kind: 'text', text: describe(summary) },
    {
      kind: 'table',
      head: ['split', 'rows', 'share of all'],
      rows: summary.splits.map(({ name, rows, share }) => [name, rows, { kind: 'share', value: share }]),
    },
    {
      kind: 'bars',
      title: 'Rows of each split',
      x: 'rows',
      bars: summary.splits.map(({ name, rows }) => ({ name, value: rows })),
    },
    ...targetBlocks(summary),
  ];
});

function describe({ using, column, cuts, training_fraction: fraction = 1 }: Summary): string {
  const by = column === undefined ? '' : ` by ${column}`;
  const cut = cuts === undefined ? '' : `, cut at ${cuts.join(' and ')}`;
  const kept = fraction === 1 ? '' : `; ${(fraction * 100).toPrecision(3)} % of the training rows are kept`;
  return `Split using ${using}${by}${cut}${kept}.`;
}

function targetBlocks({ target, splits }: Summary): CardBlock[] {
  if (target?.values === undefined) return [];
  const { values, column } = target;
  const known = [...new Set(Object.values(values).flatMap((counts) => counts.map(({ value }) => value)))];
  const share = (split: string, value: string): number => {
    const counts = values[split] ?? [];
    const all = counts.reduce((sum, { rows }) => sum + rows, 0);
    return all === 0 ? 0 : (counts.find((one) => one.value === value)?.rows ?? 0) / all;
  };
  return [
    { kind: 'heading', text: `Values of ${column}` },
    {
      kind: 'table',
      head: [column, ...splits.map(({ name }) => name)],
      rows: known
        .slice(0, CLASSES)
        .map((value) => [
          value,
          ...splits.map(({ name }) => ({ kind: 'share' as const, value: share(name, value) })),
        ]),
    },
  ];
}
