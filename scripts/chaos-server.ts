import { parseArgs } from 'node:util';
import { serverTrial } from '../test/chaos/server-trial.ts';
import { PostgresRig } from '../test/rigs/postgres-rig.ts';
import { CAMPAIGN_OPTIONS, Campaign } from './campaign.ts';

/**
 * Kills the server under load, again and again, and checks that what it had acknowledged is there:
 * `npm run chaos:server -- --kills 100`, `--faults 1000 --kills 20`, `--seconds 60`, `--seed 7 --runs 1` to see one again, `--postgres` on PostgreSQL.
 */
const { values } = parseArgs({
  options: {
    ...CAMPAIGN_OPTIONS,
    kills: { type: 'string', default: '100' },
    postgres: { type: 'boolean', default: false },
  },
});
const kills = Number(values.kills);
const place = values.postgres ? ' --postgres' : '';
const campaign = new Campaign(`chaos:server${place}`, values, 1);
await using postgres = values.postgres ? await PostgresRig.start() : undefined;
for (let seed = campaign.next(); seed !== undefined; seed = campaign.next()) {
  const own = seed;
  await campaign.count(`--seed ${own} --runs 1 --kills ${kills}${place}`, () =>
    serverTrial(own, kills, postgres),
  );
}
campaign.end();
