import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { markedRuns } from '../../src/engine/active-runs.ts';
import { CliRig } from '../rigs/cli-rig.ts';
import { SaidLines } from '../rigs/said-lines.ts';

test('recipe cancel ends the run of a tick, and not the scheduler, which has others', async () => {
  await using rig = await CliRig.create({
    'recipe.yaml': "steps: { a: { run: [sh, -c, 'exec sleep 600'] } }\n",
    'profiles/local.yaml': 'schedule: { every: 1s }\n',
  });
  rig.env['USER'] = 'ann';
  const home = join(rig.dir, '.stockpot');
  const begun = async (): Promise<void> => {
    while (markedRuns(home).length === 0) await setImmediate();
  };
  expect((await rig.recipe('schedules', 'apply')).exit).toBe(0);
  const scheduler = rig.start('schedules', 'serve', '--json');
  try {
    const lines = new SaidLines(scheduler.stdout);
    await begun();
    expect(await rig.recipe('cancel')).toMatchObject({
      exit: 0,
      out: expect.stringMatching(/ is told to stop\n$/),
    });
    expect(await lines.until({ state: 'interrupted' })).toMatchObject({ note: 'cancelled by ann' });
    await lines.until({ state: 'running' });
    await begun();

    // As if the scheduler's ledger were another.
    using ledger = new DatabaseSync(join(home, 'ledger.db'));
    ledger.exec("UPDATE schedules SET paused_at = 1, paused_because = 'for the test'; DELETE FROM ticks");
    expect(await rig.recipe('cancel')).toMatchObject({
      exit: 2,
      err: expect.stringContaining(`one of those of the process ${scheduler.pid}`),
    });
    expect(markedRuns(home).length).toBe(1);
  } finally {
    scheduler.kill('SIGTERM');
    await scheduler;
  }
}, 120_000);
