import { parseDate, parseInstant } from '../core/instant.ts';
import { RecipeError } from '../core/recipe-error.ts';
import type { Rhythm } from '../core/schedule-rules.ts';
import { Zone } from '../schedule/zone.ts';

const DAY_MS = 86_400_000;

/**
 * What `--from` and `--to` name: an instant with its zone, or a date in that of the schedule, which is UTC if it has
 * none. A date is its beginning in `--from`, and its end in `--to`.
 *
 * @throws RecipeError USAGE
 */
export function backfillRange(
  from: string | undefined,
  to: string | undefined,
  when: Rhythm,
): { readonly from: number; readonly to: number } {
  const zone = new Zone(when.kind === 'cron' ? when.timezone : 'UTC');
  const bound = (name: string, text: string | undefined, onDate: (midnight: number) => number): number => {
    const date = parseDate(text ?? '');
    const at = date === undefined ? parseInstant(text ?? '') : onDate(date);
    if (at === undefined)
      throw usage(`${name} ${text ?? ''} is neither a date nor an instant such as 2027-01-31T02:00:00Z`);
    return at;
  };
  const range = {
    from: bound('--from', from, (midnight) => zone.instantOf(midnight)),
    to: bound('--to', to, (midnight) => zone.instantOf(midnight + DAY_MS) - 1),
  };
  if (range.to < range.from) throw usage('--to lies before --from');
  return range;
}

function usage(problem: string): RecipeError {
  return new RecipeError('USAGE', { problem, command: 'schedules backfill' });
}
