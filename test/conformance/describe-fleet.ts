import { globSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { RunEvent } from '../../src/core/events.ts';
import { outcomes } from '../rigs/cli-rig.ts';
import { FleetRig } from '../rigs/fleet-rig.ts';
import { FollowedRun } from '../rigs/followed-run.ts';
import type { StartStore } from '../rigs/shared-store.ts';

const says =
  (text: string) =>
  (event: RunEvent): boolean =>
    event.type === 'step.output' && event.text.includes(text);

const warns =
  (text: string) =>
  (event: RunEvent): boolean =>
    event.type === 'step.report' && event.entry.type === 'warning' && event.entry.message.includes(text);

/** A step that says that it has begun, and goes on when its gate is opened. */
const gated = (step: string, path: string): string =>
  `  ${step}: { run: [sh, -c, 'echo ${step} has begun; cat ${path} > "$OUT_x"'], outputs: { x: x } }\n`;

/** Where blobs of this machine's cache lie. */
const blobsOf = (dir: string): string[] => globSync('??/*', { cwd: join(dir, '.stockpot/cache/cas') });

/** What a fleet's run must be, whatever kind of store its machines share. */
export function describeFleet(name: string, startStore: StartStore, canClose = true): void {
  describe(`a fleet that shares ${name}`, () => {
    test('has two workers run what needs nothing of each other, and says what they say while they do', async () => {
      await using fleet = await FleetRig.on(startStore);
      const gates = [fleet.gate('a'), fleet.gate('b')];
      const files = {
        'recipe.yaml': `steps:
${['a', 'b'].map((step, nth) => gated(step, gates[nth]?.path ?? '')).join('')}  join:
    run: [sh, -c, 'cat "$IN_a" "$IN_b" "$IN_all"/* > "$OUT_all"; mkdir "$OUT_dir"; head -c 100000 /dev/zero > "$OUT_dir/large"']
    inputs: { a: a.x, b: b.x, all: ./data }
    outputs: { all: all.txt, dir: { path: dir, kind: directory } }
  count: { run: [sh, -c, 'wc -c "$IN_dir"/* | tee "$OUT_n"'], inputs: { dir: join.dir }, outputs: { n: n } }
`,
        'data/one': '1\n',
      };
      for (const _ of gates) await fleet.worker('--concurrency', '1');
      const [rig, other] = [await fleet.project(files), await fleet.project(files)];
      const run = new FollowedRun(rig, '-p', 'fleet');
      // Each worker runs one step at a time, and neither ends before both have begun.
      const begun = new Set<string>();
      while (begun.size < 2) {
        const event = await run.until(says('has begun'));
        if (event.type === 'step.output') begun.add(event.step);
      }
      for (const gate of gates) await gate.open();
      const { exit, events } = await run.end();
      const [done, cached] = ['succeeded', 'cached'].map((word) => ({
        a: word,
        b: word,
        join: word,
        count: word,
      }));
      expect([exit, outcomes(events)]).toEqual([0, done]);
      expect(await rig.run('-p', 'fleet')).toEqual(cached);
      // Another checkout with nothing of its own has the logs, and no data until something asks for it.
      expect(await other.run('-p', 'fleet')).toEqual(cached);
      const before = blobsOf(other.dir).length;
      const { out } = await other.recipe('logs', ':count');
      expect(out).toContain('100000');
      expect(blobsOf(other.dir).length).toBe(before);
      expect((await other.recipe('artifacts', 'get', ':join.dir', 'brought')).exit).toBe(0);
      expect(blobsOf(other.dir).length).toBeGreaterThan(before);
      expect((await other.read('brought/large')).length).toBe(100_000);
    });

    test('begins a step again whose worker was killed, once, on another', async () => {
      await using fleet = await FleetRig.on(startStore);
      const gate = fleet.gate('gate');
      const rig = await fleet.project({ 'recipe.yaml': `steps:\n${gated('a', gate.path)}` });
      const doomed = await fleet.worker();
      const run = new FollowedRun(rig, '-p', 'fleet');
      await run.until(says('begun'));
      await doomed.end('SIGKILL');
      await fleet.worker();
      await run.until(says('begun'));
      await gate.open();
      const { exit, events } = await run.end();
      expect([exit, outcomes(events)]).toEqual([0, { a: 'succeeded' }]);
      expect(events.filter(({ type }) => type === 'step.started').length).toBe(1);
      expect(events.some(warns('started again'))).toBe(true);
    });

    test('loses nothing when it goes away: what runs goes on, and what is done waits for it', async () => {
      await using fleet = await FleetRig.on(startStore);
      const gate = fleet.gate('gate');
      const rig = await fleet.project({
        'recipe.yaml': `steps:
${gated('a', gate.path)}  b: { run: [sh, -c, 'cat "$IN_x" > "$OUT_y"'], inputs: { x: a.x }, outputs: { y: y } }
`,
      });
      await fleet.worker();
      const run = new FollowedRun(rig, '-p', 'fleet');
      await run.until(says('begun'));
      await fleet.store.goAway();
      await gate.open();
      await run.until(warns('waiting for'));
      await fleet.store.comeBack();
      const { exit, events } = await run.end();
      expect([exit, outcomes(events)]).toEqual([0, { a: 'succeeded', b: 'succeeded' }]);
      expect(events.filter(says('begun')).length).toBe(1);
    });

    test('that was away when a forced step was done has what that gave, and the run goes on with it', async () => {
      await using fleet = await FleetRig.on(startStore);
      const gate = fleet.gate('gate');
      const rig = await fleet.project({
        'recipe.yaml': `steps:
  a: { run: [sh, -c, 'echo begun; cat ${gate.path} > "$OUT_x"; date +%s%N > "$OUT_x"'], outputs: { x: x } }
`,
      });
      await fleet.worker();
      const given = (events: readonly RunEvent[]): string[] =>
        events.flatMap((event) =>
          event.type === 'step.succeeded' || event.type === 'step.cached'
            ? [event.outputs['x']?.digest ?? '']
            : [],
        );
      const first = new FollowedRun(rig, '-p', 'fleet');
      await first.until(says('begun'));
      await gate.open();
      const before = given((await first.end()).events);
      const forced = new FollowedRun(rig, '-p', 'fleet', '--force');
      await forced.until(says('begun'));
      await fleet.store.goAway();
      await gate.open();
      await forced.until(warns('waiting for'));
      await fleet.store.comeBack();
      const { exit, events } = await forced.end();
      expect(exit).toBe(0);
      expect(given(events)).not.toEqual(before);
      const elsewhere = new FollowedRun(
        await fleet.project({ 'recipe.yaml': await rig.read('recipe.yaml') }),
        '-p',
        'fleet',
      );
      expect(given((await elsewhere.end()).events)).toEqual(given(events));
    });

    test.runIf(canClose)('waits, and says so, while nothing may be put there', async () => {
      await using fleet = await FleetRig.on(startStore);
      const gate = fleet.gate('gate');
      const rig = await fleet.project({
        'recipe.yaml': `steps:
  first: { run: [cp, "{{ inputs.x }}", "{{ outputs.y }}"], inputs: { x: ./x }, outputs: { y: y } }
${gated('next', gate.path)}`,
        x: '1',
      });
      await fleet.worker('--concurrency', '1');
      await fleet.store.close();
      const run = new FollowedRun(rig, '-p', 'fleet');
      await run.until((event) => event.type === 'step.waiting' && event.holder.includes('cannot be written'));
      await fleet.store.reopen();
      await run.until(says('next has begun'));
      await fleet.store.close();
      await gate.open();
      await run.until(warns('waiting for'));
      await fleet.store.reopen();
      const { exit, events } = await run.end();
      expect([exit, outcomes(events)]).toEqual([0, { first: 'succeeded', next: 'succeeded' }]);
      expect(events.filter(says('begun')).length).toBe(1);
    });
  });
}
