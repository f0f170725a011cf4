import { parseCron } from '../core/cron.ts';
import { parseInstant } from '../core/instant.ts';
import type { Rhythm, ScheduleSettings } from '../core/schedule-rules.ts';
import type { Scope } from './evaluate.ts';
import { type FindRecipe, readAfter } from './read-after.ts';
import {
  booleanValue,
  durationMs,
  invalid,
  knownKeys,
  mapTree,
  textList,
  textValue,
  wholeNumber,
} from './read-value.ts';
import type { Entry, MapTree } from './tree.ts';

const KEYS = [
  'cron',
  'timezone',
  'every',
  'jitter',
  'start',
  'end',
  'overlap',
  'concurrency',
  'catch_up',
  'window',
  'pause_on_failure',
  'only_if_changed',
  'after',
];

const DAY_MS = 86_400_000;
const LEAST_EVERY_MS = 1000;

/**
 * The `schedule:` of a profile: a proposal, which `recipe schedules apply` puts into force.
 *
 * @throws RecipeError VALUE_INVALID, KEY_UNKNOWN, SCHEDULE_AFTER_UNKNOWN with a position
 */
export function readSchedule(entry: Entry, scope: Scope, findRecipe: FindRecipe): ScheduleSettings {
  const map = mapTree(entry.value, 'schedule');
  knownKeys(map, 'schedule', KEYS);
  const given = <T>(key: string, read: (entry: Entry, what: string) => T): T | undefined => {
    const found = map.entries.get(key);
    return found === undefined ? undefined : read(found, `schedule.${key}`);
  };
  const duration = ({ value }: Entry, what: string): number => durationMs(value, what, scope);
  const choice =
    <T extends string>(choices: readonly T[]) =>
    ({ value }: Entry, what: string): T =>
      oneOf(textValue(value, what, scope), choices, value.span, what);
  const instant = ({ value }: Entry, what: string): number => {
    const at = parseInstant(textValue(value, what, scope));
    if (at === undefined) throw invalid(value.span, what, 'is no instant such as 2027-01-31T02:00:00Z');
    return at;
  };
  const start = given('start', instant);
  const end = given('end', instant);
  if (start !== undefined && end !== undefined && end < start)
    throw invalid(map.span, 'schedule', 'ends before it starts');
  const overlap = given('overlap', choice(['skip', 'queue-one', 'allow'] as const)) ?? 'skip';
  const concurrency = given('concurrency', ({ key, value }, what) => {
    if (overlap !== 'allow') throw invalid(key, what, 'belongs to overlap: allow');
    return wholeNumber(value, what, scope, 1);
  });
  return {
    when: readRhythm(map, scope, findRecipe),
    ...(start === undefined ? {} : { start }),
    ...(end === undefined ? {} : { end }),
    jitterMs: given('jitter', duration) ?? 0,
    overlap,
    ...(concurrency === undefined ? {} : { concurrency }),
    catchUp: given('catch_up', choice(['none', 'one', 'all'])) ?? 'one',
    windowMs: given('window', duration) ?? DAY_MS,
    pauseOnFailure: given('pause_on_failure', ({ value }, what) => booleanValue(value, what, scope)) ?? false,
    onlyIfChanged: given('only_if_changed', ({ value }, what) => textList(value, what, scope)) ?? [],
  };
}

function oneOf<T extends string>(text: string, choices: readonly T[], span: Entry['key'], what: string): T {
  const found = choices.find((choice) => choice === text);
  if (found === undefined) throw invalid(span, what, `is none of ${choices.join(', ')}`);
  return found;
}

function readRhythm(map: MapTree, scope: Scope, findRecipe: FindRecipe): Rhythm {
  const [cron, every, after, timezone] = ['cron', 'every', 'after', 'timezone'].map((key) =>
    map.entries.get(key),
  );
  if ([cron, every, after].filter((entry) => entry !== undefined).length !== 1)
    throw invalid(map.span, 'schedule', 'has not one of cron, every and after');
  if (cron === undefined && timezone !== undefined)
    throw invalid(timezone.key, 'schedule.timezone', 'belongs to cron');
  if (after !== undefined) return readAfter(after, scope, findRecipe);
  if (every !== undefined) {
    const everyMs = durationMs(every.value, 'schedule.every', scope);
    if (everyMs < LEAST_EVERY_MS) throw invalid(every.value.span, 'schedule.every', 'is less than a second');
    return { kind: 'every', everyMs };
  }
  if (cron === undefined || timezone === undefined)
    throw invalid(map.span, 'schedule', 'has a cron but no timezone, as in timezone: Europe/Berlin');
  const line = textValue(cron.value, 'schedule.cron', scope);
  try {
    parseCron(line);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw invalid(cron.value.span, 'schedule.cron', error.message);
  }
  const zone = textValue(timezone.value, 'schedule.timezone', scope);
  if (!isTimeZone(zone)) throw invalid(timezone.value.span, 'schedule.timezone', 'is no IANA time zone');
  return { kind: 'cron', cron: line, timezone: zone };
}

/** Offsets such as `+02:00` are no zones: they do not know when clocks change. */
function isTimeZone(name: string): boolean {
  if (/^[+-]/.test(name)) return false;
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}
