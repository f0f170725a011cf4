import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { checkBlobs, checkStore, type Expectations } from '../rigs/check-home.ts';
import { CrashRig } from '../rigs/crash-rig.ts';
import { DISK_FULL, DISTURBANCES, type Disturbance } from './disturbances.ts';
import type { Trial } from './findings.ts';
import { Random } from './random.ts';

export interface Program {
  /** Another copy of the program. */
  readonly bin?: string;
  /** Whether disks of a given size can be mounted here. */
  readonly canMount: boolean;
}

/** What else happens in a trial. */
interface Course {
  /** Whether the recipe has a step with an effect. */
  readonly registers: boolean;
  /** Whether all is cached before the first disturbance. */
  readonly runsFirst: boolean;
  /** Whether the recipe changes before the next disturbance. */
  readonly changes: () => boolean;
}

const MOST_DISTURBANCES = 16;

/** What leaves bytes or results that are not what they were: less can be expected after it. */
const DAMAGING: ReadonlySet<string> = new Set(['flipped', 'truncated', 'collected']);

/** A project that changes and is disturbed some times, as the seed says; then what does not hold. */
export async function randomTrial(seed: number, program: Program): Promise<Trial> {
  const random = new Random(seed);
  const damages = random.next() < 0.3;
  const kinds = Object.entries(DISTURBANCES)
    .filter(([name]) => damages || !DAMAGING.has(name))
    .flatMap(([name, kind]) => (name === 'failpoint' ? [kind, kind, kind] : [kind]));
  const small = program.canMount && random.next() < 0.1;
  const disturbances = Array.from(
    { length: 1 + random.below(MOST_DISTURBANCES) },
    () => kinds[random.below(kinds.length)] ?? DISK_FULL,
  );
  return trial(small ? [DISK_FULL, ...disturbances, DISK_FULL] : disturbances, random, program, {
    registers: random.next() < 0.15,
    runsFirst: random.next() < 0.4,
    changes: () => random.next() < 0.8,
  });
}

/** @param disturbances one after the other, in a home on a disk of its own if one of them needs that */
export async function trial(
  disturbances: readonly Disturbance[],
  random: Random,
  { bin }: Program,
  { registers, runsFirst, changes }: Course = { registers: true, runsFirst: false, changes: () => false },
): Promise<Trial> {
  const small = disturbances.includes(DISK_FULL);
  await using rig = await CrashRig.create({
    ...(bin === undefined ? {} : { bin }),
    ...(small ? { home: 'disk/home' } : {}),
  });
  if (small) await rig.cli.write('disk/.keep', '');
  await using _disk = small ? await mountDisk(`${rig.cli.dir}/disk`) : undefined;
  const what: string[] = [];
  const faults: string[] = [];
  const violations: string[] = [];
  const left: { damaged?: boolean; collected?: boolean } = {};
  await rig.change(0, { registers });
  if (runsFirst) await rig.cli.recipe('run');
  let n = 0;
  for (const disturb of disturbances) {
    if (changes()) await rig.change((n += 1), { registers });
    const disturbed = await disturb(rig, random);
    what.push(disturbed.what);
    if (disturbed.fault !== undefined) faults.push(disturbed.fault);
    violations.push(...(disturbed.violations ?? []));
    if (disturbed.damaged === true) left.damaged = true;
    if (disturbed.collected === true) left.collected = true;
    if (left.damaged !== true)
      violations.push(...checkStore(rig.cache).map((text) => `${text}, right after ${disturbed.what}`));
  }
  violations.push(
    ...(left.damaged === true
      ? await repaired(rig, left)
      : (await rig.recover({ ...left, orphan: true })).violations),
  );
  if (registers) violations.push(...registrations(rig));
  return { what, faults, violations };
}

/** After damage: fsck sets aside what is broken, then a run makes it again, then nothing is broken. */
async function repaired(rig: CrashRig, left: Expectations): Promise<string[]> {
  const found: string[] = [];
  for (const command of [['run'], ['cache', 'fsck']]) {
    const { exit, err } = await rig.cli.recipe(...command);
    if (exit !== 0 && exit !== 1 && exit !== 69)
      found.push(`${command.join(' ')} ended with ${String(exit)}: ${err}`);
    // As the message says: it is a cache.
    if (err.includes('DATABASE_DAMAGED')) rmSync(join(rig.home, 'index.db'));
  }
  const { violations } = await rig.recover({ ...left, orphan: true });
  const { steps } = await rig.recover({ ...left, orphan: true });
  const repeated = Object.entries(steps).filter(([, kind]) => kind !== 'cached');
  return [
    ...found,
    ...violations,
    ...checkBlobs(rig.cache),
    ...repeated.map(([step, kind]) => `I4 ${step} is ${kind} though all was repaired`),
  ];
}

function registrations(rig: CrashRig): string[] {
  const { versions, champion } = rig.registered;
  return versions >= 1 && versions <= rig.models && champion !== undefined
    ? []
    : [`I2 ${versions} versions of ${rig.models} models, and the alias points to ${String(champion)}`];
}

async function mountDisk(path: string): Promise<AsyncDisposable> {
  await execa('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', path]);
  return { [Symbol.asyncDispose]: async () => void (await execa('umount', ['-l', path])) };
}
