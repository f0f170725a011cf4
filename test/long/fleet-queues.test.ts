import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RunEvent } from '../../src/core/events.ts';
import { type CliRig, eventsOf, outcomes } from '../rigs/cli-rig.ts';
import { DriverProcess } from '../rigs/driver-process.ts';
import { FleetRig } from '../rigs/fleet-rig.ts';
import { FollowedRun } from '../rigs/followed-run.ts';
import { inProcessWith } from '../rigs/in-process.ts';
import { RedisRig } from '../rigs/redis-rig.ts';

const missing = await RedisRig.missing();
const DAY_MS = 86_400_000;

const isStarted = ({ type }: RunEvent): boolean => type === 'step.started';
const isWaiting = ({ type }: RunEvent): boolean => type === 'step.waiting';

function failuresOf(events: readonly RunEvent[]): readonly unknown[] {
  return events.flatMap((event) => (event.type === 'step.failed' ? [event.failure] : []));
}

async function submitted(rig: CliRig): Promise<string> {
  const { out } = await rig.recipe('run', '-p', 'fleet', '--submit', '--json');
  return (JSON.parse(out) as { run: string }).run;
}

describe.skipIf(missing !== undefined)('a queue of a fleet', () => {
  let fleet: FleetRig;
  let worker: string;
  beforeAll(async () => {
    fleet = await FleetRig.start();
    worker = (await fleet.worker('--queue', 'served', '--concurrency', '1')).id;
  });
  afterAll(async () => fleet[Symbol.asyncDispose]());

  /** A project of one step, which waits for its gate if that is asked for. */
  const project = async (step: string, settings: string): Promise<CliRig> =>
    fleet.project({
      'recipe.yaml': `steps:\n  a: { ${step} }\n`,
      'profiles/fleet.yaml': `executor: fleet\n${settings}\n`,
    });

  test('that no worker takes from is waited for as long as the profile says, and not longer', async () => {
    const rig = await project('run: [echo, one], queue: nobody', 'queue_timeout: 300ms');
    const { exit, out } = await rig.recipe('run', '-p', 'fleet', '--json');
    expect(exit).toBe(69);
    const events = eventsOf(out);
    expect(failuresOf(events)).toEqual([
      {
        reason: 'infra',
        code: 'QUEUE_TIMEOUT',
        detail:
          'No worker of the queue nobody began it in 300 ms: there is none, but of served; it waited for a worker of the queue nobody: recipe worker --queue nobody',
        hint: expect.stringMatching(/^Start one with `recipe worker --queue nobody`, then run it again/),
      },
    ]);
    expect(events.some(isStarted)).toBe(false);
    // What waited is taken back: nobody would want it.
    const { queues } = JSON.parse((await rig.recipe('workers', '-p', 'fleet', '--json')).out) as {
      queues: { name: string; waiting: number }[];
    };
    expect(queues.find(({ name }) => name === 'nobody')?.waiting).toBe(0);
    const plain = await rig.recipe('run', '-p', 'fleet');
    expect(plain.out).toContain('failed: No worker of the queue nobody began it in 300 ms');
    expect(plain.out).toContain('Start one with `recipe worker --queue nobody`');
  });

  test('whose workers are busy is waited for as long as is said of it, and its workers are named', async () => {
    const gate = fleet.gate('busy');
    const busy = new FollowedRun(await project(`run: [cat, ${gate.path}], queue: served`, ''), '-p', 'fleet');
    await busy.until(isStarted);
    const rig = await project(
      'run: [echo, two], queue: served',
      'queue_timeout: 1h\nqueues: { served: { timeout: 300ms } }',
    );
    expect(failuresOf(await rig.events('-p', 'fleet'))).toMatchObject([
      {
        code: 'QUEUE_TIMEOUT',
        detail: `No worker of the queue served began it in 300 ms: there are ${worker}; it waited for room in the queue served`,
      },
    ]);
    const { waits } = JSON.parse((await rig.recipe('workers', '-p', 'fleet', '--json')).out) as {
      waits: unknown[];
    };
    expect(waits).toEqual([]);
    await gate.open();
    // What runs does not wait, however long it takes.
    expect(outcomes((await busy.end()).events)).toEqual({ a: 'succeeded' });
  });

  test('is waited for anew by a step whose worker died, which is no end of its own', async () => {
    const gate = fleet.gate('dying');
    const dying = await fleet.worker('--queue', 'dying');
    const rig = await project(`run: [cat, ${gate.path}], queue: dying`, 'queue_timeout: 5s');
    const run = new FollowedRun(rig, '-p', 'fleet');
    await run.until(isStarted);
    await dying.end('SIGKILL');
    expect(failuresOf((await run.end()).events)).toMatchObject([
      { reason: 'infra', code: 'QUEUE_TIMEOUT', detail: expect.stringContaining('in 5.0 s') },
    ]);
  });

  test('is waited for again where a step’s retry says so', async () => {
    const step = 'run: [echo, three], queue: nobody, retry: { max_attempts: 2, on: [infra] }';
    const rig = await project(step, 'queue_timeout: 200ms');
    const events = await rig.events('-p', 'fleet');
    expect(events.filter(({ type }) => type === 'step.retrying').length).toBe(1);
    expect(events.find(({ type }) => type === 'step.failed')).toMatchObject({ attempt: 2 });
  });

  test('may have a worker by the time that `recipe retry` submits the run again', async () => {
    const rig = await project('run: [echo, five], queue: late', 'queue_timeout: 8s');
    const run = await submitted(rig);
    expect((await rig.recipe('worker', '--drive', '1', '--once')).exit).toBe(0);
    const failed = eventsOf((await rig.recipe('attach', '--json', run)).out);
    expect(failuresOf(failed)).toMatchObject([{ code: 'QUEUE_TIMEOUT' }]);
    await fleet.worker('--queue', 'late');
    const again = JSON.parse((await rig.recipe('retry', '--json', run)).out) as { run: string };
    expect((await rig.recipe('worker', '--drive', '1', '--once')).exit).toBe(0);
    expect(outcomes(eventsOf((await rig.recipe('attach', '--json', again.run)).out))).toEqual({
      a: 'succeeded',
    });
  });

  test('is waited for by a submitted run for a day, whoever drives it', async () => {
    const rig = await project('run: [echo, four], queue: nobody', '');
    const run = await submitted(rig);
    const driver = await DriverProcess.start(rig);
    const following = new FollowedRun(rig.start('attach', '--json', run));
    await following.until(isWaiting);
    const later = { dir: rig.dir, env: rig.env, now: Date.now() + DAY_MS / 2 };
    const { out } = await inProcessWith(later, 'workers', '-p', 'fleet');
    expect(out).toContain('queue nobody: 1 waiting, 0 running: no worker takes from it');
    expect(out).toMatch(
      new RegExp(
        `^  a of run ${run} has waited 12 h \\d\\d min for a worker of the queue nobody: .*; fails in (?:12 h 00|11 h 5\\d) min$`,
        'm',
      ),
    );
    expect((await driver.end('SIGTERM')).out).toContain('"state":"given-back"');
    const tomorrow = { dir: rig.dir, env: rig.env, now: Date.now() + DAY_MS };
    expect(await inProcessWith(tomorrow, 'worker', '--drive', '1', '--once', '--unsafe-redis')).toMatchObject(
      { exit: 0 },
    );
    expect(failuresOf((await following.end()).events)).toMatchObject([
      {
        code: 'QUEUE_TIMEOUT',
        detail: expect.stringMatching(/^No worker of the queue nobody began it in 24 h 00 min/),
      },
    ]);
  });

  test('has as many steps at once as its concurrency says, of all runs that share a ledger', async () => {
    const settings = 'queues: { counted: { concurrency: 1 } }';
    const [gate, next] = [fleet.gate('counted'), fleet.gate('counted-next')];
    await fleet.worker('--queue', 'counted', '--queue', 'free', '--concurrency', '3');
    const rig = await fleet.project({
      'profiles/fleet.yaml': `executor: fleet\n${settings}\n`,
      'recipes/one/recipe.yaml': `steps:\n  a: { run: [cat, ${gate.path}], queue: counted }\n`,
      'recipes/two/recipe.yaml': `steps:\n  b: { run: [cat, ${next.path}], queue: counted }\n  c: { run: [echo, six], queue: free }\n  d: { run: ["true"], queue: counted, isolation: project }\n`,
    });
    const first = new FollowedRun(rig, 'one', '-p', 'fleet');
    const begun = await first.until(({ type }) => type === 'run.started');
    await first.until(isStarted);
    const second = new FollowedRun(rig, 'two', '-p', 'fleet');
    // What goes elsewhere, and what is run here, does not count.
    const hasEnded = (step: string): boolean =>
      second.seen.some((event) => event.type === 'step.succeeded' && event.step === step);
    const held = (): RunEvent | undefined =>
      second.seen.find((event) => event.type === 'step.waiting' && event.reason === 'limit');
    await second.until(() => hasEnded('c') && hasEnded('d') && held() !== undefined);
    expect(held()).toMatchObject({
      step: 'b',
      holder: `the queue counted, which run ${begun.type === 'run.started' ? begun.run : ''} has`,
    });
    expect(second.seen.some((event) => event.type === 'step.started' && event.step === 'b')).toBe(false);
    await gate.open();
    expect(outcomes((await first.end()).events)).toEqual({ a: 'succeeded' });
    await next.open();
    expect(outcomes((await second.end()).events)).toEqual({ b: 'succeeded', c: 'succeeded', d: 'succeeded' });
  });

  test('begins steps of a higher priority first: of runs by their profile, and of ticks and backfills last', async () => {
    const [gate, said] = [fleet.gate('turns'), join(fleet.dir, 'turns.txt')];
    await fleet.worker('--queue', 'turns', '--concurrency', '1');
    const run = (script: string): string =>
      `steps:\n  a: { run: [sh, -c, '${script}'], queue: turns, cache: never }\n`;
    const named = (name: string): string => run(`echo ${name} >> ${said}`);
    const rig = await fleet.project({
      'recipes/busy/recipe.yaml': run(`cat ${gate.path}`),
      'recipes/daily/recipe.yaml': named('daily'),
      'recipes/usual/recipe.yaml': named('usual'),
      'recipes/first/recipe.yaml': named('first'),
      'recipes/last/recipe.yaml': named('last'),
      'profiles/daily.yaml': 'extends: fleet\nschedule: { every: 1d }\n',
      'profiles/first.yaml': 'extends: fleet\npriority: high\n',
      'profiles/last.yaml': 'extends: fleet\npriority: low\n',
    });
    const isRoomWanted = (event: RunEvent): boolean =>
      event.type === 'step.waiting' && event.holder === 'room in the queue turns';
    const busy = new FollowedRun(rig, 'busy', '-p', 'fleet');
    await busy.until(isStarted);
    expect((await rig.recipe('schedules', 'apply', 'daily', '-p', 'daily')).exit).toBe(0);
    const day = '2026-11-01T00:00:00Z';
    const filling = rig.recipe('schedules', 'backfill', 'daily', '--from', day, '--to', day);
    const queued = async (): Promise<boolean> => {
      const { out } = await rig.recipe('workers', '-p', 'fleet', '--json');
      return (JSON.parse(out) as { waits: { queue: string }[] }).waits.some(({ queue }) => queue === 'turns');
    };
    while (!(await queued()));
    const others: FollowedRun[] = [];
    for (const [recipe, profile] of [
      ['last', 'last'],
      ['usual', 'fleet'],
      ['first', 'first'],
    ] as const) {
      const other = new FollowedRun(rig, recipe, '-p', profile);
      await other.until(isRoomWanted);
      others.push(other);
    }
    await gate.open();
    for (const one of [busy, ...others]) expect((await one.end()).exit).toBe(0);
    expect((await filling).exit).toBe(0);
    expect(readFileSync(said, 'utf8')).toBe('first\nusual\ndaily\nlast\n');
  });

  test('gives a task the turn of the most urgent run that waits for it', async () => {
    const [gate, said] = [fleet.gate('raised'), join(fleet.dir, 'raised.txt')];
    await fleet.worker('--queue', 'shared', '--concurrency', '1');
    const run = (script: string): string => `steps:\n  a: { run: [sh, -c, '${script}'], queue: shared }\n`;
    const files = {
      'recipes/busy/recipe.yaml': run(`cat ${gate.path}`),
      'recipes/both/recipe.yaml': run(`echo both >> ${said}`),
      'recipes/other/recipe.yaml': run(`echo other >> ${said}`),
      'profiles/low.yaml': 'extends: fleet\npriority: low\n',
      'profiles/high.yaml': 'extends: fleet\npriority: high\n',
    };
    const [one, two] = [await fleet.project(files), await fleet.project(files)];
    const waiting = async (rig: CliRig, recipe: string, profile: string): Promise<FollowedRun> => {
      const followed = new FollowedRun(rig, recipe, '-p', profile);
      await followed.until(isWaiting);
      return followed;
    };
    const busy = new FollowedRun(one, 'busy', '-p', 'fleet');
    await busy.until(isStarted);
    const runs = [
      await waiting(one, 'both', 'low'),
      await waiting(one, 'other', 'fleet'),
      await waiting(two, 'both', 'high'),
    ];
    await gate.open();
    for (const followed of [busy, ...runs]) expect((await followed.end()).exit).toBe(0);
    expect(readFileSync(said, 'utf8')).toBe('both\nother\n');
  });

  test('is shared by the runs that have something in it: each has as much there as another', async () => {
    await fleet.worker('--queue', 'divided', '--concurrency', '2');
    const many = (name: string): string =>
      Array.from(
        { length: 6 },
        (_, nth) => `  s${nth}: { run: [sh, -c, 'exec sleep 1000 # ${name} ${nth}'], queue: divided }\n`,
      ).join('');
    const rig = await fleet.project({
      'recipes/one/recipe.yaml': `steps:\n${many('one')}`,
      'recipes/two/recipe.yaml': `steps:\n${many('two')}`,
    });
    const waiting = async (): Promise<Record<string, number>> => {
      const { out } = await rig.recipe('workers', '-p', 'fleet', '--json');
      const { waits } = JSON.parse(out) as { waits: { run: string; queue: string }[] };
      const runs = waits.flatMap(({ run, queue }) => (queue === 'divided' ? [run] : []));
      return Object.fromEntries(
        [...new Set(runs)].map((run) => [run, runs.filter((one) => one === run).length]),
      );
    };
    const stepsOf = ({ seen }: FollowedRun, type: 'step.started' | 'step.waiting'): Set<string> =>
      new Set(seen.flatMap((event) => (event.type === type ? [event.step] : [])));
    /** Resolves with its id when so many of its steps run, and two wait. */
    const filled = async (run: FollowedRun, running: number): Promise<string> => {
      await run.until(() => {
        const started = stepsOf(run, 'step.started');
        return started.size === running && stepsOf(run, 'step.waiting').difference(started).size === 2;
      });
      const [begun] = run.seen;
      return begun?.type === 'run.started' ? begun.run : '';
    };
    const first = new FollowedRun(rig, 'one', '-p', 'fleet');
    const one = await filled(first, 2);
    expect(await waiting()).toEqual({ [one]: 2 });
    const second = new FollowedRun(rig, 'two', '-p', 'fleet');
    const two = await filled(second, 0);
    expect(await waiting()).toEqual({ [one]: 2, [two]: 2 });
    for (const run of [first, second]) run.kill('SIGINT');
    for (const run of [first, second]) expect((await run.end()).exit).toBe(130);
  });
});
