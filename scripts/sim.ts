import { parseArgs } from 'node:util';
import type { Course } from '../test/sim/course.ts';
import { COURSES } from '../test/sim/courses.ts';

/**
 * Simulates drivers, schedulers and flights, and checks what they may never do: `npm run sim -- --runs 500`,
 * `--seed 7 --runs 1` to see one again, `--kind submissions`, `--verbose` to see what happens.
 */
const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    runs: { type: 'string', default: '200' },
    kind: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
});
const first = Number(values.seed);
let [done, faults, failed] = [0, 0, 0];
for (const [kind, course] of Object.entries(COURSES)) {
  if (values.kind !== undefined && values.kind !== kind) continue;
  for (let seed = first; seed < first + Number(values.runs); seed += 1) {
    const one: Course = await course(seed);
    done += 1;
    faults += one.faults;
    if (one.violations.length > 0) failed += 1;
    if (values.verbose || one.violations.length > 0) {
      console.log(`--kind ${kind} --seed ${seed} --runs 1`);
      for (const line of one.trace) console.log(`  ${line}`);
    }
    for (const line of one.violations) console.log(`violation: ${line}`);
  }
}
console.log(`sim: ${done} courses, ${faults} faults, ${failed} with violations`);
process.exitCode = failed === 0 && done > 0 ? 0 : 1;
