import { expect, test } from 'vitest';
import { COURSES } from './courses.ts';

/** `npm run sim` goes through hundreds. */
const SEEDS = 12;

test.each(Object.entries(COURSES))(
  '%s: nothing happens that may not, whatever goes wrong',
  async (_, course) => {
    let faults = 0;
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const one = await course(seed);
      expect(one.violations, `npm run sim -- --kind ${one.kind} --seed ${seed} --runs 1`).toEqual([]);
      faults += one.faults;
    }
    expect(faults).toBeGreaterThan(SEEDS);
  },
);

test.each(Object.entries(COURSES))('%s: a seed is one course of things', async (_, course) => {
  expect((await course(7)).trace).toEqual((await course(7)).trace);
});
