import { expect, test } from 'vitest';
import { parseCron } from '../../src/core/cron.ts';

test.each([
  ['0 2 * *', 'has 4 fields, not the five of minute, hour, day, month, day of the week'],
  ['60 2 * * *', 'has "60" as its minute, which is no number from 0 to 59'],
  ['0 24 * * *', 'has "24" as its hour, which is no number from 0 to 23'],
  ['0 5-3 * * *', 'has "5-3" as its hour, which is no number from 0 to 23'],
  ['*/0 * * * *', 'has "*/0" as its minute, which is no number from 0 to 59'],
  ['0 2 * foo *', 'has "foo" as its month, which is no number from 1 to 12'],
  ['0 2 30 2 *', 'names a date that no month has'],
  ['', 'has 1 fields, not the five of minute, hour, day, month, day of the week'],
])('%j is refused: it %s', (line, problem) => {
  expect(() => parseCron(line)).toThrow(new RangeError(problem));
});

test('steps, ranges, lists, words and Sunday as 7', () => {
  const cron = parseCron('5/20,1-3 8-18/5 1 jan-MAR mon-wed,7');
  expect([...cron.minutes]).toEqual([5, 25, 45, 1, 2, 3]);
  expect([...cron.hours]).toEqual([8, 13, 18]);
  expect([...cron.months]).toEqual([1, 2, 3]);
  expect([...cron.weekdays]).toEqual([1, 2, 3, 0]);
});
