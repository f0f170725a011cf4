import type { StepId } from '../core/ids.ts';
import type { ComparedOutput } from '../engine/compare-reproduction.ts';
import { safeText } from '../report/text/safe-text.ts';
import { textTable } from '../report/text/table.ts';

/** What making a model again gave. */
export interface Again {
  readonly outputs: readonly ComparedOutput[];
  readonly differences: readonly StepDifference[];
}

/** Why a step gave other outputs than then. */
export type StepDifference = { readonly step: StepId } & (
  | { readonly kind: 'failed' }
  | { readonly kind: 'depends'; readonly on: readonly string[] }
  /** The same task gave other bytes than then: here each time the same ones, or each time others. */
  | { readonly kind: 'other-machine' | 'not-deterministic'; readonly isDeclared: boolean }
);

/** As many as one reads of a step's dependencies that differ. */
const SHOWN = 5;

/** The outputs side by side, and why some differ. */
export function reproductionText(model: string, dir: string, { outputs, differences }: Again): string {
  const table = textTable(
    ['step', 'output', 'then', 'now', ''],
    outputs.map(({ step, output, before, now }) => [
      step,
      output,
      before.slice(0, 12),
      (now ?? '').slice(0, 12),
      before === now ? 'the same' : now === undefined ? 'missing' : 'other',
    ]),
  );
  const why = differences.map((one) => `${one.step}: ${safeText(because(one))}\n`).join('');
  const end =
    differences.length === 0
      ? `${model} was made again in ${dir}: every digest is the same\n`
      : `${model} was made again in ${dir}, and is not the same\n`;
  return `\n${table}\n${why}${end}`;
}

function because(difference: StepDifference): string {
  switch (difference.kind) {
    case 'failed':
      return 'did not succeed';
    case 'depends': {
      const { on } = difference;
      return `what it depends on differs: ${on.slice(0, SHOWN).join('; ')}${on.length > SHOWN ? ` and ${on.length - SHOWN} more` : ''}`;
    }
    case 'not-deterministic':
      return `is not deterministic: it gives other bytes each time for the same inputs${declared(difference)}`;
    case 'other-machine':
      return `gives the same bytes each time here, and gave others then: something that its task does not name differs, as a library or the processor${declared(difference)}`;
  }
}

function declared({ isDeclared }: { readonly isDeclared: boolean }): string {
  return isDeclared ? ' (its `cache:` says that its result does not last)' : '';
}
