import { describe, expect, test } from 'vitest';
import { killAttemptsBelow } from '../rigs/attempt-processes.ts';
import { outcomes } from '../rigs/cli-rig.ts';
import { FleetRig } from '../rigs/fleet-rig.ts';
import { FollowedRun } from '../rigs/followed-run.ts';
import { RedisRig } from '../rigs/redis-rig.ts';

const missing = await RedisRig.missing();

/** Ten epochs of some seconds: the checkpoint of one is saved before half of the next is done. */
const TRAIN = `n=$(cat "$CHECKPOINT/epoch" || echo 0)
while [ "$n" -lt 10 ]; do
  n=$((n + 1))
  sleep 2
  echo "half of $n."
  sleep 1
  echo "$n" >> "$LOG"
  echo "$n" > "$CHECKPOINT/next"
  mv "$CHECKPOINT/next" "$CHECKPOINT/epoch"
done
cp "$CHECKPOINT/epoch" "$OUT_model"
`;

describe.skipIf(missing !== undefined)(
  `a training on a fleet${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    test('whose machine is lost three times goes on each time on another, and executes about ten epochs', async () => {
      await using fleet = await FleetRig.start();
      const rig = await fleet.project({ 'train.sh': TRAIN, epochs: '' });
      await rig.write(
        'recipe.yaml',
        `steps:
  train:
    run: [sh, train.sh]
    code: [train.sh]
    env: { LOG: ${rig.dir}/epochs }
    checkpoint: { every: 1s }
    outputs: { model: model.txt }
`,
      );
      const run = new FollowedRun(rig, '-p', 'fleet');
      for (const epoch of [4, 6, 9]) {
        const machine = await fleet.machine();
        const doomed = await fleet.workerIn(machine);
        await run.until((event) => event.type === 'step.output' && event.text.includes(`half of ${epoch}.`));
        await doomed.end('SIGKILL');
        killAttemptsBelow(machine.dir);
      }
      await fleet.worker();
      const { exit, events } = await run.end();
      expect([exit, outcomes(events)]).toEqual([0, { train: 'succeeded' }]);
      const executed = (await rig.read('epochs')).trim().split('\n').map(Number);
      expect([...new Set(executed)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
      // Of each machine that was lost, no more than what it had done since it last saved.
      expect(executed.length).toBeLessThanOrEqual(13);
    });

    test('that takes its worker with it each time, and comes no further, is given up', async () => {
      await using fleet = await FleetRig.start();
      const rig = await fleet.project({
        'recipe.yaml': `steps: { a: { run: [sh, kill.sh], code: [kill.sh], checkpoint: { every: 1s } } }\n`,
      });
      // What it saves first, and finds again, is all that it saves. A worker's mark says which process it is.
      await rig.write(
        'kill.sh',
        `echo 1 > "$CHECKPOINT/epoch"
sleep 4
kill -9 "$(sed -n 's/.*"pid":\\([0-9]*\\).*/\\1/p' "$(dirname "$STOCKPOT_STEP")"/../../active/*)"
`,
      );
      const run = new FollowedRun(rig, '-p', 'fleet');
      for (let nth = 0; nth < 4; nth += 1) await (await fleet.worker()).ended;
      await fleet.worker();
      const { events } = await run.end();
      expect(events.find(({ type }) => type === 'step.failed')).toMatchObject({
        failure: { reason: 'poison', starts: 4 },
      });
    });
  },
);
