/** A cron line as sets of numbers. Sunday is 0; months count from 1. */
export interface Cron {
  readonly minutes: ReadonlySet<number>;
  readonly hours: ReadonlySet<number>;
  readonly days: ReadonlySet<number>;
  readonly months: ReadonlySet<number>;
  readonly weekdays: ReadonlySet<number>;
  /** Both day fields are restricted: a date that either of them names counts, as in every cron. */
  readonly eitherDay: boolean;
}

interface Field {
  readonly name: string;
  readonly least: number;
  readonly most: number;
  readonly words?: readonly string[];
}

const MINUTE: Field = { name: 'minute', least: 0, most: 59 };
const HOUR: Field = { name: 'hour', least: 0, most: 23 };
const DAY: Field = { name: 'day of the month', least: 1, most: 31 };
const MONTH: Field = {
  name: 'month',
  least: 1,
  most: 12,
  words: ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'],
};
const WEEKDAY: Field = {
  name: 'day of the week',
  least: 0,
  most: 7,
  words: ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'],
};

const NAMED: Readonly<Record<string, string>> = {
  '@hourly': '0 * * * *',
  '@daily': '0 0 * * *',
  '@weekly': '0 0 * * 0',
  '@monthly': '0 0 1 * *',
  '@yearly': '0 0 1 1 *',
};

/**
 * Reads the five fields of a cron line (minute, hour, day of the month, month, day of the week), or one of
 * `@hourly @daily @weekly @monthly @yearly`.
 *
 * @throws RangeError that says which field is wrong
 */
export function parseCron(line: string): Cron {
  const fields = (NAMED[line.trim()] ?? line).trim().split(/\s+/);
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = fields;
  if (fields.length !== 5)
    throw new RangeError(
      `has ${fields.length} fields, not the five of minute, hour, day, month, day of the week`,
    );
  const cron: Cron = {
    minutes: parseField(minute, MINUTE),
    hours: parseField(hour, HOUR),
    days: parseField(day, DAY),
    months: parseField(month, MONTH),
    weekdays: new Set([...parseField(weekday, WEEKDAY)].map((number) => number % 7)),
    eitherDay: !day.startsWith('*') && !weekday.startsWith('*'),
  };
  if (!hasDate(cron)) throw new RangeError('names a date that no month has');
  return cron;
}

/** Whether it names this date; a month counts from 1. */
export function isCronDate(
  cron: Cron,
  { month, day, weekday }: { month: number; day: number; weekday: number },
): boolean {
  if (!cron.months.has(month)) return false;
  const byDay = cron.days.has(day);
  const byWeekday = cron.weekdays.has(weekday);
  return cron.eitherDay ? byDay || byWeekday : byDay && byWeekday;
}

const LONGEST_MONTH = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function hasDate({ days, months, eitherDay }: Cron): boolean {
  const first = Math.min(...days);
  return eitherDay || [...months].some((month) => first <= (LONGEST_MONTH[month - 1] ?? 0));
}

function parseField(text: string, field: Field): Set<number> {
  const numbers = new Set<number>();
  for (const part of text.split(',')) {
    const match = /^(\*|\w+(?:-\w+)?)(?:\/(\d+))?$/.exec(part);
    const step = Number(match?.[2] ?? 1);
    if (match === null || step < 1) throw wrong(field, part);
    const [first = '', last] = (match[1] ?? '').split('-');
    const from = first === '*' ? field.least : parseNumber(first, field);
    // `5/15` goes on to the end, as `5-59/15` does.
    const open = first === '*' || match[2] !== undefined ? field.most : from;
    const to = last === undefined ? open : parseNumber(last, field);
    if (to < from) throw wrong(field, part);
    for (let number = from; number <= to; number += step) numbers.add(number);
  }
  return numbers;
}

function parseNumber(text: string, field: Field): number {
  const word = field.words?.indexOf(text.toLowerCase()) ?? -1;
  const number = word === -1 ? Number(text) : word + (field.words?.length === 12 ? 1 : 0);
  if (!/^\d+$/.test(text) && word === -1) throw wrong(field, text);
  if (number < field.least || number > field.most) throw wrong(field, text);
  return number;
}

function wrong({ name, least, most }: Field, part: string): RangeError {
  return new RangeError(
    `has ${JSON.stringify(part)} as its ${name}, which is no number from ${least} to ${most}`,
  );
}
