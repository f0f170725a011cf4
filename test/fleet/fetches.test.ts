import { expect, test } from 'vitest';
import { outcomes } from '../rigs/cli-rig.ts';
import { FleetRig } from '../rigs/fleet-rig.ts';
import { FollowedRun } from '../rigs/followed-run.ts';
import { RedisRig } from '../rigs/redis-rig.ts';

const missing = await RedisRig.missing();

const SIZE = 12_000_000;

test.skipIf(missing !== undefined)(
  'who waits for a fleet sees how much of what a step needs its worker has fetched, and so does who watches the worker',
  async () => {
    await using fleet = await FleetRig.start();
    const machine = await fleet.machine();
    // Held up for longer than a fetch takes of which nothing is said.
    machine.env['STOCKPOT_FAILPOINT'] = 'fetch.after-write@100=delay:1100';
    const worker = await fleet.workerIn(machine);
    const rig = await fleet.project({
      'recipe.yaml': `steps: { count: { run: 'wc -c < "$IN_rows" > "$OUT_n"', inputs: { rows: ./rows }, outputs: { n: n } } }\n`,
      rows: '0'.repeat(SIZE),
    });
    const run = new FollowedRun(rig, '-p', 'fleet');
    const { exit, events } = await run.end();
    expect([exit, outcomes(events)]).toEqual([0, { count: 'succeeded' }]);
    const begun = events.findIndex(({ type }) => type === 'step.started');
    const about = { type: 'progress', unit: 'bytes', of: 'inputs' };
    expect(
      events.slice(0, begun).flatMap((event) => (event.type === 'step.report' ? [event.entry] : [])),
    ).toEqual([
      { ...about, done: expect.any(Number) },
      { ...about, done: SIZE, total: SIZE },
    ]);
    expect(await worker.said('fetching')).toMatchObject({ step: 'count' });
    expect(await worker.said('fetched')).toMatchObject({ step: 'count', bytes: SIZE });
  },
);
