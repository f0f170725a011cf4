import { RecipeError } from '../core/recipe-error.ts';
import type { TrackedKeys, TrackedRun } from '../engine/tracking-port.ts';
import { nearest } from '../recipe/nearest.ts';
import { formatNumber } from '../report/text/format.ts';

const ATTRIBUTES: Readonly<Record<string, (run: TrackedRun) => string>> = {
  run_id: ({ id }) => id,
  run_name: ({ name }) => name,
  status: ({ status }) => status,
  experiment: ({ experiment }) => experiment,
  user_id: ({ user }) => user,
  start_time: ({ startTime }) => instant(startTime),
  end_time: ({ endTime }) => instant(endTime),
};

/** What a run shows in a column: `metrics.test_roc_auc`, `params.train.using`, `tags.stockpot.verdict`, `status`. */
export function cellOf(run: TrackedRun, column: string): string {
  const { group, key } = partsOf(column);
  if (group === 'metrics') return run.metrics[key] === undefined ? '' : formatNumber(run.metrics[key]);
  if (group === 'params') return run.params[key] ?? '';
  if (group === 'tags') return run.tags[key] ?? '';
  return ATTRIBUTES[key]?.(run) ?? '';
}

/**
 * Refuses columns that no tracked run has.
 *
 * @throws RecipeError COLUMN_UNKNOWN
 */
export function checkColumns(columns: readonly string[], keys: TrackedKeys): void {
  const known = [
    ...Object.keys(ATTRIBUTES),
    ...keys.metrics.map((key) => `metrics.${key}`),
    ...keys.params.map((key) => `params.${key}`),
    ...keys.tags.map((key) => `tags.${key}`),
  ];
  for (const column of columns) {
    const { group, key } = partsOf(column);
    const name = group === undefined ? key : `${group}.${key}`;
    if (!known.includes(name))
      throw new RecipeError('COLUMN_UNKNOWN', { column, nearest: nearest(name, known), known });
  }
}

/** What stands above the column. */
export function titleOf(column: string): string {
  return partsOf(column).key;
}

/** `start_time` as people read it, in UTC. */
export function instant(at: number | null): string {
  return at === null ? '' : new Date(at).toISOString().slice(0, 19).replace('T', ' ');
}

/** A name without a group is an attribute; keys may stand in backticks, as in filters. */
function partsOf(column: string): { group: 'metrics' | 'params' | 'tags' | undefined; key: string } {
  const match = /^(metrics|params|tags|attributes)\.(.+)$/s.exec(column.trim());
  const [, group, key = column.trim()] = match ?? [];
  return {
    group: group === 'metrics' || group === 'params' || group === 'tags' ? group : undefined,
    key: /^`.*`$/s.test(key) ? key.slice(1, -1) : key,
  };
}
