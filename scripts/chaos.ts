import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { FAILPOINTS, type Failpoint } from '../src/core/failpoint.ts';
import { atFailpoint, type Disturbed, MODES } from '../test/chaos/disturbances.ts';
import { Random } from '../test/chaos/random.ts';
import { randomTrial, type Trial, trial } from '../test/chaos/trial.ts';
import type { CrashRig } from '../test/rigs/crash-rig.ts';

/**
 * Disturbs the real command line at random and checks what it leaves: `npm run chaos -- --seconds 60`,
 * `--runs 500`, `--seed 7 --runs 1` to see one again, `--every` for all failpoints in all modes.
 */
const { values } = parseArgs({
  options: {
    runs: { type: 'string' },
    seconds: { type: 'string' },
    seed: { type: 'string', default: '1' },
    every: { type: 'boolean', default: false },
    bin: { type: 'string' },
    jobs: { type: 'string', default: '2' },
  },
});
const until = values.seconds === undefined ? Infinity : performance.now() + Number(values.seconds) * 1000;
const runs = Number(values.runs ?? (values.seconds === undefined ? 100 : Infinity));
const first = Number(values.seed);
const canMount = await mayMount();
const program = { canMount, ...(values.bin === undefined ? {} : { bin: values.bin }) };

interface Job {
  readonly name: string;
  readonly run: () => Promise<Trial>;
}

let [done, broken] = [0, 0];
const jobs = values.every ? everyFailpoint() : randomTrials();
await Promise.all(Array.from({ length: Number(values.jobs) }, work));
console.log(
  values.every
    ? `chaos: ${done} trials, ${FAILPOINTS.length} failpoints × ${MODES.join(', ')}: ${broken} violations`
    : `chaos: ${done} trials, seeds ${first} to ${first + done - 1}: ${broken} violations`,
);
if (!canMount && !values.every) console.log('chaos: no full disks, as mount is not allowed here');
process.exitCode = broken === 0 && done > 0 ? 0 : 1;

async function work(): Promise<void> {
  for (const { name, run } of jobs) {
    const { what, violations } = await run().catch(
      (error: unknown): Trial => ({
        what: ['the trial itself'],
        violations: [error instanceof Error ? (error.stack ?? error.message) : String(error)],
      }),
    );
    done += 1;
    if (violations.length === 0) continue;
    broken += 1;
    console.log(`${name}: ${what.join('; ')}\n${violations.map((line) => `  ${line}\n`).join('')}`);
  }
}

function* randomTrials(): Generator<Job> {
  for (let at = 0; at < runs && performance.now() < until; at += 1) {
    const seed = first + at;
    yield { name: `--seed ${seed} --runs 1`, run: () => randomTrial(seed, program) };
  }
}

function* everyFailpoint(): Generator<Job> {
  for (const name of FAILPOINTS)
    for (const mode of MODES)
      yield {
        name: `${name}=${mode}`,
        run: () => trial([(rig) => reached(rig, name, mode)], new Random(1), program),
      };
}

/** A failpoint that nothing comes to tests nothing. */
async function reached(rig: CrashRig, name: Failpoint, mode: (typeof MODES)[number]): Promise<Disturbed> {
  // There has to be something to collect.
  if (name.startsWith('gc.')) await rig.cli.recipe('run');
  const disturbed = await atFailpoint(rig, name, mode, 1);
  const violations = [...(disturbed.violations ?? [])];
  if (mode === 'kill' && disturbed.isReached !== true) violations.push(`nothing comes to ${name}`);
  return { ...disturbed, violations };
}

async function mayMount(): Promise<boolean> {
  const dir = mkdtempSync(join(tmpdir(), 'stockpot-mount-'));
  const { exitCode } = await execa('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', dir], {
    reject: false,
  });
  if (exitCode === 0) await execa('umount', [dir]);
  rmdirSync(dir);
  return exitCode === 0;
}
