import { globSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { RunEvent } from '../../src/core/events.ts';
import { outcomes } from '../rigs/cli-rig.ts';
import { DriverProcess } from '../rigs/driver-process.ts';
import { FleetRig } from '../rigs/fleet-rig.ts';
import { FollowedRun } from '../rigs/followed-run.ts';
import { onPostgres } from '../rigs/on-postgres.ts';
import { PostgresRig } from '../rigs/postgres-rig.ts';
import { RedisRig } from '../rigs/redis-rig.ts';

const missing = await RedisRig.missing();

const says =
  (text: string) =>
  (event: RunEvent): boolean =>
    event.type === 'step.output' && event.text.includes(text);

describe.skipIf(missing !== undefined)(
  `drivers on several machines${missing === undefined ? '' : ` (${missing})`}`,
  () => {
    onPostgres((postgres) => {
      test('a run whose driver is killed is driven on elsewhere, and its steps go on meanwhile', async () => {
        await using fleet = await FleetRig.start();
        const env = { STOCKPOT_DATABASE_URL: postgres().url };
        const gate = fleet.gate('gate');
        const rig = await fleet.project({
          'recipe.yaml': `steps:
  a: { run: [sh, -c, 'echo begun; cat ${gate.path} "$IN_d" > "$OUT_x"'], inputs: { d: ./d.txt }, outputs: { x: x } }
  b: { uses: ./steps/b.ts, inputs: { x: a.x } }
`,
          'd.txt': 'hello\n',
          'steps/b.ts': `import { readFileSync } from 'node:fs';
import { defineStep, Type } from 'stockpot/steps';
export const step = defineStep({
  title: 'Say it',
  config: Type.Object({}),
  inputs: { x: {} },
  outputs: {},
  run: async ({ inputs }) => console.log(readFileSync(inputs.x, 'utf8')),
});
`,
        });
        Object.assign(rig.env, env);
        await fleet.worker('--concurrency', '2');
        const { out } = await rig.recipe('run', '-p', 'fleet', '--submit', '--json');
        const following = new FollowedRun(
          rig.start('attach', '--json', (JSON.parse(out) as { run: string }).run),
        );
        // Drivers have no checkout: what they need comes through the shared cache.
        const [first, second] = [await fleet.machine(), await fleet.machine()];
        for (const machine of [first, second]) Object.assign(machine.env, env);
        const doomed = await DriverProcess.start(first);
        await following.until(says('begun'));
        await doomed.end('SIGKILL');
        await using _next = await DriverProcess.start(second);
        await following.until(({ type }) => type === 'run.started');
        await following.until(says('begun'));
        await gate.open();
        const { exit, events } = await following.end();
        const last = events.slice(events.findLastIndex(({ type }) => type === 'run.started'));
        expect(outcomes(last)).toEqual({ a: 'succeeded', b: 'succeeded' });
        expect(last.some(says('hello'))).toBe(true);
        expect(exit).toBe(0);
        // The step was begun once: whoever had died did not take it along.
        expect(
          last.filter((event) => event.type === 'step.report' && event.entry.type === 'warning'),
        ).toEqual([]);
      });

      describe('a database that crashes with the ledger in the middle of a run', () => {
        test.each([
          ['and is back at once', async () => {}],
          [
            'and is back when the driver has left the run',
            async (driver: DriverProcess) => driver.said('lost'),
          ],
        ])('%s: steps run on, and the run ends right', async (_, meanwhile) => {
          await using database = await PostgresRig.start();
          await using fleet = await FleetRig.start();
          const gate = fleet.gate('gate');
          const rig = await fleet.project({
            'recipe.yaml': `steps:
  a: { run: [sh, -c, 'echo begun; cat ${gate.path} > "$OUT_x"'], outputs: { x: x } }
  b: { run: [cp, "{{ inputs.x }}", "{{ outputs.y }}"], inputs: { x: a.x }, outputs: { y: y } }
`,
          });
          rig.env['STOCKPOT_DATABASE_URL'] = database.url;
          const worker = await fleet.worker('--concurrency', '2');
          const { out } = await rig.recipe('run', '-p', 'fleet', '--submit', '--json');
          const { run } = JSON.parse(out) as { run: string };
          await using driver = await DriverProcess.start(rig);
          const following = new FollowedRun(rig.start('attach', '--json', run));
          await following.until(says('begun'));
          await database.kill();
          await meanwhile(driver);
          await gate.open();
          await worker.said('ended');
          await database.restart();
          const { exit, events } = await following.end();
          const last = events.slice(events.findLastIndex(({ type }) => type === 'run.started'));
          const { a, b } = outcomes(last);
          expect([exit, b]).toEqual([0, 'succeeded']);
          // A driver that takes the run anew finds it done.
          expect(a).toMatch(/^(?:succeeded|cached)$/);
          const flights = globSync('flights/*/*/*', { cwd: fleet.shared }).map((path) => basename(path));
          // Each step was begun once, whoever drove it.
          expect(flights).toEqual(['start-1', 'start-1']);
        });
      });
    });
  },
);
