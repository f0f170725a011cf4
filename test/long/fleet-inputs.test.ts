import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { outcomes } from '../rigs/cli-rig.ts';
import { FleetRig } from '../rigs/fleet-rig.ts';
import { FollowedRun } from '../rigs/followed-run.ts';
import { RedisRig } from '../rigs/redis-rig.ts';

const missing = await RedisRig.missing();

describe.skipIf(missing !== undefined)('a file that goes while its step waits to be sent to a fleet', () => {
  test.each(['data.csv', 'tool.sh'])('%s fails that step, which says so; the others go on', async (name) => {
    await using fleet = await FleetRig.start();
    const gate = fleet.gate('gate');
    const rig = await fleet.project({
      'recipe.yaml': `steps:
  a: { run: [sh, -c, 'cat ${gate.path} > "$OUT_x"'], outputs: { x: x } }
  after: { run: [sh, -c, 'cat "$IN_x"'], inputs: { x: a.x } }
  b: { run: [sh, tool.sh], inputs: { data: ./data.csv }, code: [tool.sh] }
`,
      'data.csv': 'a\n1\n',
      'tool.sh': 'echo tool\n',
    });
    await fleet.worker();
    const run = new FollowedRun(rig, '-p', 'fleet', '--jobs', '1', '--keep-going');
    // What is ready was looked up before the first is begun.
    await run.until((event) => event.type === 'step.started' && event.step === 'a');
    rmSync(join(rig.dir, name));
    await gate.open();
    const { exit, events } = await run.end();
    expect([exit, outcomes(events)]).toEqual([2, { a: 'succeeded', after: 'succeeded', b: 'failed' }]);
    const failed = events.find((event) => event.type === 'step.failed');
    expect(JSON.stringify(failed)).toMatch(/(?:INPUT|CODE)_NOT_FOUND/);
  });
});
