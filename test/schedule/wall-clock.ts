/** The oracle of schedules: a year of real minutes and what `Intl` says a clock on the wall shows in each. */

const MINUTE_MS = 60_000;
const BLOCK_MS = 30 * MINUTE_MS;

export interface Minute {
  readonly instant: number;
  /** Minutes since the epoch, as the wall shows them. */
  readonly local: number;
}

/** Zones change their offsets on half hours: one question for each is enough. */
export function wallClock(zone: string, from: number, to: number): Minute[] {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'short' });
  const minutes: Minute[] = [];
  for (let block = from; block < to; block += BLOCK_MS) {
    const shown = Date.parse(`${format.format(block).replace(' ', 'T')}Z`) / MINUTE_MS;
    for (let m = 0; m < 30; m += 1) minutes.push({ instant: block + m * MINUTE_MS, local: shown + m });
  }
  return minutes;
}

/** Which local minutes a cron line names, read off by trying: one field after another. */
export interface Line {
  readonly text: string;
  readonly everyHour: boolean;
  readonly matches: (local: Date) => boolean;
}

/**
 * The rules, word by word: a time that does not exist runs at the next valid instant; one that exists twice runs
 * once; a line for every hour runs in every real hour.
 */
export function expectedTicks(minutes: readonly Minute[], { everyHour, matches }: Line): number[] {
  const names = (local: number): boolean => matches(new Date(local * MINUTE_MS));
  const ticks: number[] = [];
  let highest = (minutes[0]?.local ?? 0) - 1;
  for (const { instant, local } of minutes) {
    const gap = Array.from({ length: Math.max(0, local - highest - 1) }, (_, i) => highest + 1 + i);
    const again = local <= highest;
    const pushedHere = everyHour ? isOnlyTickOfItsHour(local, gap, names) : gap.some(names);
    if (pushedHere || (names(local) && (everyHour || !again))) ticks.push(instant);
    highest = Math.max(highest, local);
  }
  return ticks;
}

/** Whether the part of an hour that a gap leaves has no tick, and the part that it takes has one. */
function isOnlyTickOfItsHour(
  local: number,
  gap: readonly number[],
  names: (local: number) => boolean,
): boolean {
  if (gap.length === 0) return false;
  const hour = Array.from({ length: 60 }, (_, i) => local - (local % 60) + i);
  return (
    gap.some((missing) => hour.includes(missing) && names(missing)) &&
    !hour.some((minute) => minute >= local && names(minute))
  );
}
