import { describe } from 'vitest';
import { describeFleet } from '../conformance/describe-fleet.ts';
import { RedisRig } from '../rigs/redis-rig.ts';
import { startFolder, startS3, startServed } from '../rigs/shared-store.ts';

const missing = await RedisRig.missing();

describe.skipIf(missing !== undefined)('whatever store machines share', () => {
  describeFleet('a folder', startFolder, process.getuid?.() === 0);
  describeFleet('a bucket of S3', startS3);
  describeFleet('`recipe server`', startServed);
});
