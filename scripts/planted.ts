import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { FleetArena } from '../test/chaos/fleet-arena.ts';
import { FLEET_PLANTS, type FleetPlant } from '../test/chaos/fleet-plants.ts';
import { fleetTrial } from '../test/chaos/fleet-trial.ts';
import { PLANTS, type Plant } from '../test/chaos/plants.ts';
import { Random } from '../test/chaos/random.ts';
import { trial } from '../test/chaos/trial.ts';
import { SIM_PLANTS, type SimPlant } from '../test/sim/plants.ts';

/**
 * Plants bugs into copies of the source, one at a time, and expects the checks of crashes and of a fleet to catch each:
 * a check that sees none of them proves nothing. The copy without a bug has to pass all of it.
 */
const ROOT = join(import.meta.dirname, '..');

let missed = 0;
const all = [...PLANTS, ...FLEET_PLANTS, ...SIM_PLANTS];
const plants = all.filter(({ name }) => name.includes(process.argv[2] ?? ''));
for (const plant of plants) {
  const sound = await violationsWith(plant, []);
  const found = await violationsWith(plant, plant.changes);
  const isCaught = found.some((text) => plant.caughtAs.test(text));
  if (!isCaught || sound.length > 0) missed += 1;
  console.log(`${isCaught ? 'caught' : 'MISSED'}  ${plant.name}`);
  for (const text of isCaught ? [] : found) console.log(`          instead: ${text.slice(0, 500)}`);
  for (const text of sound) console.log(`          without it: ${text.slice(0, 500)}`);
}
console.log(`planted: ${plants.length} bugs, ${missed} missed`);
process.exitCode = missed === 0 ? 0 : 1;

async function violationsWith(
  plant: Plant | FleetPlant | SimPlant,
  changes: Plant['changes'],
): Promise<readonly string[]> {
  const copy = mkdtempSync(join(tmpdir(), 'stockpot-planted-'));
  try {
    for (const name of ['bin', 'src', 'steps', 'recipes', 'schema', 'package.json'])
      cpSync(join(ROOT, name), join(copy, name), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
    for (const { file, from, to } of changes) replace(join(copy, file), from, to);
    if ('kind' in plant) return await simulated(copy, plant);
    const bin = join(copy, 'bin/recipe.js');
    const random = new Random(1);
    if ('disturbance' in plant)
      return (await trial([plant.disturbance], random, { bin, canMount: false })).violations;
    await using arena = await FleetArena.start(bin);
    return (await fleetTrial({ seed: 1, random, arena, course: plant.course })).violations;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** In a process of its own, as it imports the source. */
async function simulated(copy: string, { kind, runs }: SimPlant): Promise<readonly string[]> {
  for (const name of ['test', 'scripts']) cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  const args = [join(copy, 'scripts/sim.ts'), '--kind', kind, '--runs', String(runs)];
  const { stdout } = await execa(process.execPath, args, { reject: false });
  return stdout.split('\n').filter((line) => line.startsWith('violation: '));
}

function replace(path: string, from: string, to: string): void {
  const parts = readFileSync(path, 'utf8').split(from);
  if (parts.length !== 2) throw new Error(`${path} holds this ${parts.length - 1} times, not once:\n${from}`);
  writeFileSync(path, parts.join(to));
}
