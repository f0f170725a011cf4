import { parseArgs } from 'node:util';
import { FleetArena } from '../test/chaos/fleet-arena.ts';
import { randomFleetTrial } from '../test/chaos/fleet-trial.ts';
import { Network } from '../test/rigs/network.ts';
import { RedisRig } from '../test/rigs/redis-rig.ts';
import { CAMPAIGN_OPTIONS, Campaign } from './campaign.ts';

/**
 * Disturbs a fleet at random, and checks what it gives: `npm run chaos:fleet -- --seconds 60`, `--runs 20`,
 * `--faults 100`, `--seed 7 --runs 1` to see one again, `--verbose` to see what happens,
 * `--store s3` or `server` for what machines share, `--submit` for drivers and a ledger on PostgreSQL.
 */
const { values } = parseArgs({
  options: {
    ...CAMPAIGN_OPTIONS,
    bin: { type: 'string' },
    store: { type: 'string', default: 'folder' },
    submit: { type: 'boolean', default: false },
  },
});
const store = (['folder', 's3', 'server'] as const).find((kind) => kind === values.store);
if (store === undefined) throw new Error(`--store ${values.store} is none of folder, s3, server`);
const how = `${store === 'folder' ? '' : ` --store ${store}`}${values.submit ? ' --submit' : ''}`;
const campaign = new Campaign(`chaos:fleet${how}`, values, 20);
if ((await RedisRig.missing()) === undefined) {
  await using arena = await FleetArena.start(values.bin, store);
  if (values.submit) await arena.submits(2);
  for (let seed = campaign.next(); seed !== undefined; seed = campaign.next()) {
    const own = seed;
    await campaign.count(`--seed ${own} --runs 1${how}`, () => randomFleetTrial(own, arena));
  }
}
campaign.end();
const lacking = await Network.missing();
if (lacking !== undefined) console.log(`chaos:fleet: no network was cut: ${lacking}`);
