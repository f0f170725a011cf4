/** What a trial came to. */
export interface Trial {
  /** What happened, in words. */
  readonly what: readonly string[];
  /** The same by kind: only what was really made to go wrong, as often as it was. */
  readonly faults: readonly string[];
  /** What did not hold afterwards. */
  readonly violations: readonly string[];
}

/** What a campaign of trials came to; one line of JSON in a file that many of them write to. */
export interface Findings {
  readonly campaign: string;
  readonly seeds: readonly [first: number, last: number];
  readonly trials: number;
  readonly seconds: number;
  readonly violations: number;
  /** By kind of fault. */
  readonly kinds: Readonly<Record<string, Kind>>;
}

interface Kind {
  /** How often it has happened. */
  readonly faults: number;
  /** How many of these happened in a trial in which something did not hold. */
  readonly violated: number;
}

export function faultsOf({ kinds }: Pick<Findings, 'kinds'>): number {
  return Object.values(kinds).reduce((sum, { faults }) => sum + faults, 0);
}

/** Faults × violations, as Markdown: a row for each kind of each campaign, and their sum. */
export function tableOf(all: readonly Findings[]): string {
  const rows = [...Map.groupBy(all, ({ campaign }) => campaign)].flatMap(([campaign, parts]) =>
    [...kindsOf(parts)]
      .toSorted(([a], [b]) => a.localeCompare(b, 'en'))
      .map(([kind, { faults, violated }]) => `| \`${campaign}\` | ${kind} | ${faults} | ${violated} |`),
  );
  const violated = all
    .flatMap(({ kinds }) => Object.values(kinds))
    .reduce((sum, kind) => sum + kind.violated, 0);
  const faults = all.reduce((sum, findings) => sum + faultsOf(findings), 0);
  return [
    '| campaign | fault | injected | in a trial with a violation |',
    '| --- | --- | --: | --: |',
    ...rows,
    `| all | | ${faults} | ${violated} |`,
  ].join('\n');
}

function kindsOf(parts: readonly Findings[]): ReadonlyMap<string, Kind> {
  const sums = new Map<string, Kind>();
  for (const [kind, { faults, violated }] of parts.flatMap(({ kinds }) => Object.entries(kinds))) {
    const sum = sums.get(kind);
    sums.set(kind, { faults: (sum?.faults ?? 0) + faults, violated: (sum?.violated ?? 0) + violated });
  }
  return sums;
}
