import { describe, expect, test } from 'vitest';
import { backfillRange } from '../../src/cli/backfill-range.ts';
import type { Rhythm } from '../../src/core/schedule-rules.ts';

const BERLIN: Rhythm = { kind: 'cron', cron: '30 2 * * *', timezone: 'Europe/Berlin' };

const shown = (from: string, to: string, when: Rhythm): string[] =>
  Object.values(backfillRange(from, to, when)).map((at) => new Date(at).toISOString());

describe('what a backfill goes from, and to', () => {
  test('are instants with their zone', () => {
    expect(shown('2027-03-01T00:00+02:00', '2027-03-01T23:59:30Z', BERLIN)).toEqual([
      '2027-02-28T22:00:00.000Z',
      '2027-03-01T23:59:30.000Z',
    ]);
  });

  test('or whole dates in the zone of the schedule, as long as they are there', () => {
    expect(shown('2027-03-28', '2027-03-28', BERLIN)).toEqual([
      '2027-03-27T23:00:00.000Z',
      '2027-03-28T21:59:59.999Z',
    ]);
    expect(shown('2027-03-28', '2027-03-29', { kind: 'every', everyMs: 1000 })).toEqual([
      '2027-03-28T00:00:00.000Z',
      '2027-03-29T23:59:59.999Z',
    ]);
  });

  test.each([
    '1',
    '2027',
    '2027-03',
    '2027-02-31',
    '2027-02-31T00:00Z',
    '2027-03-01T00:00',
    '1 March 2027',
    '',
  ])('not %s', (text) => {
    expect(() => backfillRange(text, '2027-12-31', BERLIN)).toThrow(
      /--from .* is neither a date nor an instant/,
    );
    expect(() => backfillRange('2026-12-31', text, BERLIN)).toThrow(
      /--to .* is neither a date nor an instant/,
    );
  });

  test('in this order', () => {
    expect(() => backfillRange('2027-03-02', '2027-03-01', BERLIN)).toThrow('--to lies before --from');
  });
});
