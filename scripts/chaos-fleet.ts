import { parseArgs } from 'node:util';
import { FleetArena } from '../test/chaos/fleet-arena.ts';
import { randomFleetTrial } from '../test/chaos/fleet-trial.ts';
import { Network } from '../test/rigs/network.ts';
import { RedisRig } from '../test/rigs/redis-rig.ts';
import { CAMPAIGN_OPTIONS, Campaign } from './campaign.ts';

/**
 * Disturbs a fleet at random, and checks what it gives: `npm run chaos:fleet -- --seconds 60`, `--runs 20`,
 * `--faults 100`, `--seed 7 --runs 1` to see one again, `--verbose` to see what happens.
 */
const { values } = parseArgs({ options: { ...CAMPAIGN_OPTIONS, bin: { type: 'string' } } });
const campaign = new Campaign('chaos:fleet', values, 20);
if ((await RedisRig.missing()) === undefined) {
  await using arena = await FleetArena.start(values.bin);
  for (let seed = campaign.next(); seed !== undefined; seed = campaign.next()) {
    const own = seed;
    await campaign.count(`--seed ${own} --runs 1`, () => randomFleetTrial(own, arena));
  }
}
campaign.end();
const lacking = await Network.missing();
if (lacking !== undefined) console.log(`chaos:fleet: no network was cut: ${lacking}`);
