import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PostgresRig } from '../test/rigs/postgres-rig.ts';
import { componentCode } from './component-code.ts';
import { freshPostgresSchema } from './dump-postgres-schema.ts';
import { freshSchema } from './dump-schema.ts';

const TEST = join(import.meta.dirname, '../test');

/** `npm run golden`: after a change that leaves outputs as they are, or with a raised version; after a new migration. */
writeFileSync(join(TEST, 'golden/component-code.json'), `${JSON.stringify(componentCode(), null, 2)}\n`);
for (const name of ['tracking', 'ledger', 'index'] as const)
  writeFileSync(join(TEST, `db/${name}.schema.sql`), freshSchema(name));
if ((await PostgresRig.missing()) === undefined) {
  await using rig = await PostgresRig.start();
  for (const name of ['tracking', 'ledger'] as const)
    writeFileSync(join(TEST, `db/${name}.postgres.txt`), await freshPostgresSchema(rig.url, name));
}
