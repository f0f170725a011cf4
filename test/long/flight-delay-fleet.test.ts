import { cpSync, globSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type CliRig, outcomes } from '../rigs/cli-rig.ts';
import { FleetRig } from '../rigs/fleet-rig.ts';
import { RedisRig } from '../rigs/redis-rig.ts';
import { startServed } from '../rigs/shared-store.ts';

const missing = await RedisRig.missing();

const RECIPE = join(import.meta.dirname, '../../recipes/flight-delay');

const steps = (outcome: string): Record<string, string> =>
  Object.fromEntries(
    ['ingest', 'split', 'transform', 'train', 'evaluate', 'register'].map((step) => [step, outcome]),
  );

/** The blobs of a machine's own cache, by digest: their sizes. */
function blobsOf(rig: CliRig): Map<string, number> {
  const cas = join(rig.dir, '.stockpot/cache/cas');
  return new Map(
    globSync('[0-9a-f][0-9a-f]/*', { cwd: cas }).map((path) => [
      basename(path),
      statSync(join(cas, path)).size,
    ]),
  );
}

describe.skipIf(missing !== undefined)(
  `flight-delay on a fleet${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    test('is run by two workers, and in another checkout every step is cached and only its card is fetched', async () => {
      await using fleet = await FleetRig.on(startServed);
      const checkout = async (): Promise<CliRig> => {
        const rig = await fleet.machine();
        cpSync(RECIPE, join(rig.dir, 'recipes/flight-delay'), { recursive: true });
        await rig.linkPackages();
        const { STOCKPOT_REMOTE: url = '', STOCKPOT_REMOTE_TOKEN: token = '' } = fleet.store.env;
        Object.assign(rig.env, { STOCKPOT_TRACKING_URL: url, MLFLOW_TRACKING_TOKEN: token });
        return rig;
      };
      const workers = [await fleet.worker(), await fleet.worker()].map(({ id }) => id);
      const first = await checkout();
      const events = await first.events('flight-delay', '-p', 'fleet');
      expect(outcomes(events)).toEqual(steps('succeeded'));
      const ranOn = events.flatMap((event) =>
        event.type === 'step.started' ? [event.worker ?? 'here'] : [],
      );
      expect(ranOn).toHaveLength(6);
      expect(workers).toEqual(expect.arrayContaining(ranOn));

      const second = await checkout();
      expect(outcomes(await second.events('flight-delay', '-p', 'fleet'))).toEqual(steps('cached'));
      const card = await second.recipe('card', 'flight-delay:evaluate', '--json');
      expect(card).toMatchObject({ exit: 0, err: '' });
      const { blocks } = JSON.parse(card.out) as { blocks: unknown[] };
      expect(blocks).toContainEqual({ kind: 'verdict', verdict: 'VALIDATED' });
      // Reports, logs and what the card shows; of 13 MB of flights, their tables and the model nothing.
      const fetched = blobsOf(second);
      const bytes = [...fetched.values()].reduce((sum, size) => sum + size, 0);
      expect(fetched.size).toBeLessThanOrEqual(15);
      expect(bytes).toBeLessThan(100_000);
      const all = fleet.store.blobsSince(0);
      expect(all.length).toBeGreaterThan(2 * fetched.size);
    }, 600_000);
  },
);
