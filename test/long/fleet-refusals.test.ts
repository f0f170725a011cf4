import { describe, expect, test } from 'vitest';
import type { RunEvent } from '../../src/core/events.ts';
import { digestOf } from '../../src/store/hash.ts';
import { outcomes } from '../rigs/cli-rig.ts';
import { FleetRig } from '../rigs/fleet-rig.ts';
import { RedisRig } from '../rigs/redis-rig.ts';
import { S3Server } from '../rigs/s3-server.ts';
import { environmentOf } from '../rigs/shared-store.ts';

const missing = await RedisRig.missing();

const DATA = 'hello\n';

const waits =
  (text: string) =>
  (event: RunEvent): boolean =>
    event.type === 'step.waiting' && event.holder.includes(text);
describe.skipIf(missing !== undefined)('a shared cache that does not give a worker what it needs', () => {
  test.each([
    ['refuses', 403, 'AccessDenied', 5],
    // Each is asked for three times, and each time again.
    ['cannot answer for', 500, 'InternalError', 50],
  ])(
    'that %s an input is waited for, and no start counts against the task',
    async (_, status, code, times) => {
      await using server = await S3Server.start();
      let left = times;
      await using fleet = await FleetRig.on(async () => ({
        env: environmentOf(server, 's3://bucket/fleet'),
        goAway: async () => server.stop(),
        comeBack: async () => server.startAgain(),
        blobsSince: () => [],
        damage: async () => {},
        close: async () => {},
        reopen: async () => {},
        [Symbol.asyncDispose]: async () => {},
      }));
      server.fault = ({ method, key }) => {
        if (method !== 'GET' || !key.endsWith(digestOf(DATA)) || left === 0) return undefined;
        left -= 1;
        return { status, code };
      };
      await fleet.worker();
      const rig = await fleet.project({
        'recipe.yaml': `steps:
  say: { run: [sh, -c, 'cat "$IN_d" > "$OUT_x"'], inputs: { d: ./d.txt }, outputs: { x: x } }
`,
        'd.txt': DATA,
      });
      const events = await rig.events('-p', 'fleet');
      expect(outcomes(events)).toEqual({ say: 'succeeded' });
      expect(left).toBe(0);
      expect(events.some(waits(code))).toBe(true);
    },
  );
});
