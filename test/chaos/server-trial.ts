import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { CliRig } from '../rigs/cli-rig.ts';
import type { PostgresRig } from '../rigs/postgres-rig.ts';
import { ServerProcess } from '../rigs/server-process.ts';
import type { Trial } from './findings.ts';
import { Random } from './random.ts';
import { ServerLoad } from './server-load.ts';

/** A server that is killed under load, again and again; then whether all is there that it had acknowledged. */
export async function serverTrial(
  seed: number,
  kills: number,
  postgres: PostgresRig | undefined,
): Promise<Trial> {
  const random = new Random(seed);
  const args = postgres === undefined ? [] : ['--database', await postgres.newDatabase()];
  await using rig = await CliRig.create();
  const load = new ServerLoad();
  {
    await using server = await ServerProcess.start(rig, ...args);
    await server.api('registered-models/create', { name: 'm' });
  }
  for (let kill = 0; kill < kills; kill += 1) {
    await using server = await ServerProcess.start(rig, ...args);
    await load.until(server, 1 + random.below(150), random);
  }
  const damage = postgres === undefined ? damageOf(join(rig.dir, '.stockpot/tracking.db')) : [];
  await using server = await ServerProcess.start(rig, ...args);
  const lost = await load.violations(server);
  return {
    what: [`${kills} kills, ${load.acknowledged} acknowledged writes`],
    faults: Array.from({ length: kills }, () => 'the server is killed under load'),
    violations: [
      ...damage,
      ...lost,
      // Who had nothing acknowledged cannot have lost anything.
      ...(load.acknowledged > kills ? [] : [`${load.acknowledged} writes were acknowledged`]),
    ],
  };
}

function damageOf(path: string): string[] {
  using db = new DatabaseSync(path);
  const checked = db.prepare('PRAGMA integrity_check').all();
  return checked.map((row) => String(row['integrity_check'])).filter((line) => line !== 'ok');
}
