import { expect, test } from 'vitest';
import { CliRig, outcomes } from '../rigs/cli-rig.ts';
import { FollowedRun } from '../rigs/followed-run.ts';

const RECIPE = { 'recipe.yaml': "steps: { a: { run: [sh, -c, 'echo begun; exec sleep 600'] } }\n" };

test('a run is stopped from another terminal, by the beginning of its id', async () => {
  await using rig = await CliRig.create(RECIPE);
  expect(await rig.recipe('cancel')).toMatchObject({
    exit: 2,
    err: expect.stringContaining('No run of this project goes on on this machine'),
  });
  const [one, two] = [new FollowedRun(rig), new FollowedRun(rig, '--force')];
  const started = await one.until(({ type }) => type === 'run.started');
  await two.until(({ type }) => type === 'step.waiting' || type === 'step.started');
  await one.until(({ type }) => type === 'step.waiting' || type === 'step.started');
  const id = 'run' in started ? String(started.run) : '';
  expect(await rig.recipe('cancel')).toMatchObject({ exit: 2, err: expect.stringContaining(id) });
  expect(await rig.recipe('cancel', id)).toMatchObject({ exit: 0, out: `${id} is told to stop\n` });
  const { exit, events } = await one.end();
  expect([exit, outcomes(events)]).toEqual([130, { a: 'cancelled' }]);
  // What goes on here needs no ledger.
  rig.env['STOCKPOT_DATABASE_URL'] = 'postgres://127.0.0.1:1/x';
  expect((await rig.recipe('cancel')).exit).toBe(0);
  expect((await two.end()).exit).toBe(130);
});
