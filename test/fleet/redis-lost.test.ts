import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { systemWorld } from '../../src/core/system-world.ts';
import { LiveWriter } from '../../src/executors/fleet/live.ts';
import { openRedis, redisAddress } from '../../src/executors/fleet/redis.ts';
import { RedisRig } from '../rigs/redis-rig.ts';

const missing = await RedisRig.missing();
const { clock } = systemWorld({});

describe.skipIf(missing !== undefined)('a connection whose Redis dies', () => {
  test.each([{ enableAutoPipelining: false }, { enableAutoPipelining: true }])(
    'gives up at once what it had asked, and does not ask it a second time: %o',
    async (options) => {
      await using rig = await RedisRig.start();
      const redis = openRedis(redisAddress({ url: rig.url }, {}), options);
      await redis.connect();
      // Nothing is answered from here on, nor done.
      await rig.cli('client', 'pause', '600000', 'all');
      const live = new LiveWriter(redis, 'live', { clock, isPrompt: true });
      live.push({ type: 'started', worker: 'w', nth: 1 });
      const flushed = live.flush();
      await rig.kill();
      await flushed;
      await rig.restart();
      await once(redis, 'ready');
      expect(await redis.xlen('live')).toBe(0);
      redis.disconnect();
    },
  );
});
