import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { FAILPOINTS, type Failpoint } from '../src/core/failpoint.ts';
import { atFailpoint, type Disturbed, MODES } from '../test/chaos/disturbances.ts';
import type { Trial } from '../test/chaos/findings.ts';
import { Random } from '../test/chaos/random.ts';
import { randomTrial, trial } from '../test/chaos/trial.ts';
import type { CrashRig } from '../test/rigs/crash-rig.ts';
import { CAMPAIGN_OPTIONS, Campaign } from './campaign.ts';
import { showDemo } from './chaos-demo.ts';

/**
 * Disturbs the real command line at random and checks what it leaves: `npm run chaos -- --seconds 60`,
 * `--runs 500`, `--faults 1000`, `--seed 7 --runs 1` to see one again, `--every` for all failpoints in all modes.
 * `--demo` tells what becomes of one run on a fleet whose worker, Redis and driver are killed.
 */
const { values } = parseArgs({
  options: {
    ...CAMPAIGN_OPTIONS,
    every: { type: 'boolean', default: false },
    demo: { type: 'boolean', default: false },
    bin: { type: 'string' },
    jobs: { type: 'string', default: '2' },
  },
});
if (values.demo) process.exit(await showDemo(values.seconds));
const canMount = await mayMount();
const program = { canMount, ...(values.bin === undefined ? {} : { bin: values.bin }) };

interface Job {
  readonly name: string;
  readonly run: () => Promise<Trial>;
}

const campaign = new Campaign(values.every ? 'chaos --every' : 'chaos', values, 100);
const jobs = values.every ? everyFailpoint() : randomTrials();
await Promise.all(
  Array.from({ length: Number(values.jobs) }, async () => {
    for (const { name, run } of jobs) await campaign.count(name, run);
  }),
);
campaign.end();
if (!canMount && !values.every) console.log('chaos: no full disks, as mount is not allowed here');

function* randomTrials(): Generator<Job> {
  for (let seed = campaign.next(); seed !== undefined; seed = campaign.next()) {
    const own = seed;
    yield { name: `--seed ${own} --runs 1`, run: () => randomTrial(own, program) };
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
  if (disturbed.fault !== undefined) return disturbed;
  return { ...disturbed, violations: [...(disturbed.violations ?? []), `nothing comes to ${name}`] };
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
