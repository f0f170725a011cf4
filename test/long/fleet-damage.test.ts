import { chmodSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { shardPath } from '../../src/store/layout.ts';
import type { Result } from '../../src/store/results.ts';
import { checkStore } from '../rigs/check-home.ts';
import { outcomes } from '../rigs/cli-rig.ts';
import type { Damage } from '../rigs/damage.ts';
import { FleetRig } from '../rigs/fleet-rig.ts';
import { FollowedRun } from '../rigs/followed-run.ts';
import { RedisRig } from '../rigs/redis-rig.ts';

const missing = await RedisRig.missing();

function textOf({ shared }: FleetRig, digest: string): string {
  return readFileSync(shardPath(join(shared, 'cas'), digest), 'utf8');
}

const RECIPE = `steps:
  make:
    run: 'echo said; mkdir "$OUT_dir"; echo x > "$OUT_dir/x"; echo 1 > "$OUT_n"'
    outputs: { dir: { path: dir, kind: directory }, n: { path: n.json, kind: value } }
`;

describe.skipIf(missing !== undefined)('a task that is too long for a message', () => {
  test.each<Damage>(['remove', 'flip'])(
    'is sent again by the run that waits for it, if the shared cache has lost it before a worker came: %s',
    async (how) => {
      await using fleet = await FleetRig.start();
      const rig = await fleet.project({
        'recipe.yaml': `steps:
  long: { run: [sh, -c, 'echo "$LONG" | wc -c'], env: { LONG: "${'x'.repeat(30_000)}" } }
`,
      });
      const run = new FollowedRun(rig, '-p', 'fleet');
      await run.until(({ type }) => type === 'step.waiting');
      const task = globSync('cas/*/*', { cwd: fleet.shared })
        .map((path) => basename(path))
        .find((digest) => textOf(fleet, digest).includes('xxx'));
      await fleet.store.damage(task ?? '', how);
      await fleet.worker();
      const { exit, events } = await run.end();
      expect([exit, outcomes(events)]).toEqual([0, { long: 'succeeded' }]);
    },
  );
});

describe.skipIf(missing !== undefined)(
  'what a fleet’s shared cache lost, and a worker still has, is sent there again',
  () => {
    const cases: readonly (readonly [string, (result: Result) => string | undefined])[] = [
      ['the list of a folder', ({ outputs }) => outputs['dir']?.digest],
      ['the log', ({ log }) => log?.digest],
      ['a figure', ({ outputs }) => outputs['n']?.digest],
    ];
    const damages: readonly (readonly [string, (path: string) => void])[] = [
      ['removed', (path) => rmSync(path)],
      [
        'with other bytes',
        (path) => {
          const bytes = readFileSync(path);
          chmodSync(path, 0o644);
          writeFileSync(path, bytes.fill('#', 0, 1));
        },
      ],
    ];
    for (const [what, digestIn] of cases)
      for (const [how, damage] of damages)
        test(`${what}, ${how}`, async () => {
          await using fleet = await FleetRig.start();
          await fleet.worker();
          const here = await fleet.project({ 'recipe.yaml': RECIPE });
          expect(await here.run('-p', 'fleet')).toEqual({ make: 'succeeded' });
          const [path = ''] = globSync('results/*/*', { cwd: fleet.shared });
          const digest = digestIn(JSON.parse(readFileSync(join(fleet.shared, path), 'utf8')) as Result) ?? '';
          damage(join(fleet.shared, 'cas', digest.slice(0, 2), digest));
          expect(checkStore(fleet.shared)).not.toEqual([]);
          for (const _ of [1, 2]) {
            const there = await fleet.project({ 'recipe.yaml': RECIPE });
            const { exit } = await there.recipe('run', '-p', 'fleet');
            expect(exit).toBe(0);
          }
          expect(checkStore(fleet.shared)).toEqual([]);
          expect(globSync('results/*/*', { cwd: fleet.shared }).map((name) => basename(name))).toEqual([
            basename(path),
          ]);
        });
  },
);

describe.skipIf(missing !== undefined)('what a forced step gave, and the shared cache lost at once', () => {
  test('is made once more for the run that had not taken it yet', async () => {
    await using fleet = await FleetRig.start();
    const worker = await fleet.worker();
    const gate = fleet.gate('gate');
    const rig = await fleet.project({
      'recipe.yaml': `steps:
  a: { run: [sh, -c, 'echo begun; cat ${gate.path} > "$OUT_x"'], outputs: { x: x } }
`,
    });
    const run = new FollowedRun(rig, '-p', 'fleet', '--force');
    const hasBegun = async (): Promise<unknown> =>
      run.until((event) => event.type === 'step.output' && event.text.includes('begun'));
    await hasBegun();
    run.kill('SIGSTOP');
    await gate.open();
    await worker.said('ended');
    const [path = ''] = globSync('results/*/*', { cwd: fleet.shared });
    const { log } = JSON.parse(readFileSync(join(fleet.shared, path), 'utf8')) as Result;
    const digest = log?.digest ?? '';
    rmSync(join(fleet.shared, 'cas', digest.slice(0, 2), digest));
    run.kill('SIGCONT');
    await hasBegun();
    await gate.open();
    expect((await run.end()).exit).toBe(0);
    expect(checkStore(fleet.shared)).toEqual([]);
  });
});
