import { expect, test } from 'vitest';
import { MOST_BACKFILLED, refuseLargeBackfill } from '../../src/schedule/backfill-limit.ts';

const instants = (count: number): number[] => Array.from({ length: count }, (_, index) => index * 1500);

test('as many ticks as may be backfilled are, one more is too many, and the parts leave none out', () => {
  expect(() => refuseLargeBackfill(instants(MOST_BACKFILLED))).not.toThrow();
  const all = instants(MOST_BACKFILLED + 1);
  expect(() => refuseLargeBackfill(all)).toThrow(
    expect.objectContaining({
      code: 'BACKFILL_TOO_LARGE',
      hint: 'Do it in parts: --to 1970-01-01T04:09:58Z, then --from 1970-01-01T04:10:00Z.',
    }),
  );
});
