import type { CardBlock, CardCell } from '../../core/card-block.ts';
import type { Outputs, ReportEntry } from '../../core/events.ts';
import { formatDuration } from '../../core/format-duration.ts';
import type { Fingerprint } from '../../core/ids.ts';
import type { JsonObject } from '../../core/json.ts';
import { formatBytes } from '../text/format.ts';

/** What is known of a step that has succeeded, besides what its card says. */
export interface CardSubject {
  readonly recipe: string;
  readonly profile: string | undefined;
  readonly run: string;
  /** Milliseconds since the Unix epoch, when the step ended. */
  readonly at: number;
  readonly durationMs: number;
  readonly stockpot: string;
  readonly config: JsonObject;
  readonly fingerprint: Fingerprint;
  /** Where each input came from, and its digest. */
  readonly inputs: readonly { readonly name: string; readonly from: string; readonly digest: string }[];
  readonly outputs: Outputs;
  readonly report: readonly ReportEntry[];
  /** Last lines of the step's log. */
  readonly logTail: string;
}

/** The whole page of a step: what its card says between how it came about and where it came from. */
export function cardPage(subject: CardSubject, content: readonly CardBlock[]): CardBlock[] {
  return [
    { kind: 'text', text: heading(subject) },
    ...warnings(subject),
    ...content,
    ...configuration(subject),
    ...lineage(subject),
    ...log(subject),
  ];
}

function heading({ recipe, profile, run, at, durationMs }: CardSubject): string {
  const when = new Date(at).toISOString().slice(0, 19).replace('T', ' ');
  const by = profile === undefined ? '' : `, profile ${profile}`;
  return `Recipe ${recipe}${by}. Made in ${formatDuration(durationMs)} by run ${run}, ${when} UTC.`;
}

function warnings({ report }: CardSubject): CardBlock[] {
  return report.flatMap((entry) =>
    entry.type === 'warning' ? [{ kind: 'warning' as const, text: entry.message }] : [],
  );
}

function configuration({ config }: CardSubject): CardBlock[] {
  const rows = Object.entries(config).map(([key, value]): CardCell[] => [
    key,
    typeof value === 'number' || typeof value === 'string' ? value : JSON.stringify(value),
  ]);
  if (rows.length === 0) return [];
  return [
    { kind: 'heading', text: 'Configuration' },
    { kind: 'table', head: ['key', 'value'], rows },
  ];
}

function lineage({ inputs, outputs, fingerprint, stockpot }: CardSubject): CardBlock[] {
  return [
    { kind: 'heading', text: 'Lineage' },
    {
      kind: 'table',
      head: ['', 'name', 'from', 'digest'],
      rows: [
        ...inputs.map(({ name, from, digest }) => ['input', name, from, digest]),
        ...Object.entries(outputs).map(([name, { digest, kind, size }]) => [
          'output',
          name,
          `${kind}, ${formatBytes(size)}`,
          digest,
        ]),
        ['fingerprint', '', `Stockpot ${stockpot}`, fingerprint],
      ],
    },
  ];
}

function log({ logTail }: CardSubject): CardBlock[] {
  if (logTail === '') return [];
  return [
    { kind: 'heading', text: 'End of the log' },
    { kind: 'log', text: logTail },
  ];
}
