import type { AfterRule, Rhythm } from '../core/schedule-rules.ts';

/** `after ingest`, `after ingest when split.rows changes`; undefined for a schedule that ticks by the clock. */
export function describeAfter(when: Rhythm): string | undefined {
  return when.kind === 'after' ? `after ${when.recipe}${condition(when)}` : undefined;
}

function condition({ value }: AfterRule): string {
  if (value === undefined) return '';
  const name = [value.step, value.output, ...value.keys].join('.');
  return ` when ${name} ${value.equals === undefined ? 'changes' : `is ${JSON.stringify(value.equals)}`}`;
}
