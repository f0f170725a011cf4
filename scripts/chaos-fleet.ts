import { parseArgs } from 'node:util';
import { FleetArena } from '../test/chaos/fleet-arena.ts';
import { type FleetTrial, randomFleetTrial } from '../test/chaos/fleet-trial.ts';
import { RedisRig } from '../test/rigs/redis-rig.ts';

/**
 * Disturbs a fleet at random, and checks what it gives: `npm run chaos:fleet -- --seconds 60`, `--runs 20`,
 * `--seed 7 --runs 1` to see one again, `--verbose` to see what happens.
 */
const { values } = parseArgs({
  options: {
    runs: { type: 'string' },
    seconds: { type: 'string' },
    seed: { type: 'string', default: '1' },
    bin: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
});
const until = values.seconds === undefined ? Infinity : performance.now() + Number(values.seconds) * 1000;
const runs = Number(values.runs ?? (values.seconds === undefined ? 20 : Infinity));
const first = Number(values.seed);
let [done, faults, violations] = [0, 0, 0];

if ((await RedisRig.missing()) === undefined) {
  await using arena = await FleetArena.start(values.bin);
  for (; done < runs && performance.now() < until; done += 1) {
    const seed = first + done;
    const trial = await randomFleetTrial(seed, arena).catch(
      (error: unknown): FleetTrial => ({
        what: ['the trial itself'],
        violations: [error instanceof Error ? (error.stack ?? error.message) : String(error)],
      }),
    );
    faults += trial.what.length - 1;
    violations += trial.violations.length;
    if (values.verbose || trial.violations.length > 0)
      console.log(`--seed ${seed} --runs 1: ${trial.what.join('; ')}`);
    for (const line of trial.violations) console.log(`  ${line}`);
  }
}
console.log(`chaos:fleet: ${done} trials, ${faults} faults, ${violations} violations`);
process.exitCode = violations === 0 && done > 0 ? 0 : 1;
