import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { parseArgs } from 'node:util';
import { Random } from '../test/chaos/random.ts';
import { ServerLoad } from '../test/chaos/server-load.ts';
import { CliRig } from '../test/rigs/cli-rig.ts';
import { PostgresRig } from '../test/rigs/postgres-rig.ts';
import { ServerProcess } from '../test/rigs/server-process.ts';

/**
 * Kills the server under load, again and again, and checks that what it had acknowledged is there:
 * `npm run chaos:server -- --kills 100`, `--seed 7` for other moments, `--postgres` on PostgreSQL.
 */
const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    postgres: { type: 'boolean', default: false },
  },
});
const random = new Random(Number(values.seed));
const kills = Number(values.kills);
await using postgres = values.postgres ? await PostgresRig.start() : undefined;
const args = postgres === undefined ? [] : ['--database', postgres.url];
await using rig = await CliRig.create();
const load = new ServerLoad();
const violations: string[] = [];
{
  await using server = await ServerProcess.start(rig, ...args);
  await server.api('registered-models/create', { name: 'm' });
}
for (let kill = 0; kill < kills; kill += 1) {
  await using server = await ServerProcess.start(rig, ...args);
  await load.until(server, 1 + random.below(150), random);
}
if (postgres === undefined) {
  using db = new DatabaseSync(join(rig.dir, '.stockpot/tracking.db'));
  const checked = db
    .prepare('PRAGMA integrity_check')
    .all()
    .map((row) => String(row['integrity_check']));
  violations.push(...checked.filter((line) => line !== 'ok'));
}
await using server = await ServerProcess.start(rig, ...args);
violations.push(...(await load.violations(server)));
for (const line of violations) console.log(`  ${line}`);
console.log(
  `chaos:server: ${kills} kills, ${load.acknowledged} acknowledged writes on ${values.postgres ? 'PostgreSQL' : 'SQLite'}: ${violations.length} violations`,
);
process.exitCode = violations.length === 0 && load.acknowledged > kills ? 0 : 1;
