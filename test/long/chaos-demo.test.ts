import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { PostgresRig } from '../rigs/postgres-rig.ts';
import { RedisRig } from '../rigs/redis-rig.ts';

const missing = (await RedisRig.missing()) ?? (await PostgresRig.missing());

describe.skipIf(missing !== undefined)(
  `npm run chaos -- --demo${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    test('kills a worker, Redis and the driver of one run, which ends as on one machine, and repeats nothing', async () => {
      const script = join(import.meta.dirname, '../../scripts/chaos.ts');
      const { stdout, exitCode } = await execa(process.execPath, [script, '--demo', '--seconds', '8'], {
        reject: false,
      });
      const told = stdout
        .split('\n')
        .map(
          (line) => /(?:KILLED [^,]*|committed steps that were repeated.*|checked.*|WRONG.*)/.exec(line)?.[0],
        )
        .filter((line) => line !== undefined);
      expect(told).toEqual([
        'KILLED a worker',
        'KILLED Redis',
        'KILLED the driver',
        'committed steps that were repeated: 0',
        'checked: all as promised, and every byte is that of a run on one machine',
      ]);
      expect(exitCode).toBe(0);
    });
  },
);
