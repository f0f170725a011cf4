import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { outcomes, outcomesOf } from '../rigs/cli-rig.ts';
import { DriverProcess } from '../rigs/driver-process.ts';
import { FleetRig } from '../rigs/fleet-rig.ts';
import { FollowedRun } from '../rigs/followed-run.ts';
import { RedisRig } from '../rigs/redis-rig.ts';

const missing = await RedisRig.missing();

describe.skipIf(missing !== undefined)('a fleet', () => {
  let fleet: FleetRig;
  beforeAll(async () => {
    fleet = await FleetRig.start();
    await fleet.worker('--concurrency', '2');
    await fleet.worker('--concurrency', '2');
  });
  afterAll(async () => fleet[Symbol.asyncDispose]());

  const RECIPE = `
steps:
  fetch:
    run: [sh, -c, 'echo fetching; cat "$IN_one" "$IN_many"/*.csv "$IN_all"/sub/* > "$OUT_rows"; ./code/tool.sh >> "$OUT_rows"']
    inputs: { one: ./a.csv, many: ["./b.csv", "./a.csv"], all: ./data }
    code: [code/tool.sh]
    outputs: { rows: rows.csv }
  scale:
    matrix: { by: [1, 2, 3] }
    run: [sh, -c, 'echo "{{ matrix.by }}" | cat "$IN_rows" - > "$OUT_scaled"; mkdir "$OUT_dir"; cp "$OUT_scaled" "$OUT_dir/x"']
    inputs: { rows: fetch.rows }
    outputs: { scaled: scaled.csv, dir: { path: dir, kind: directory } }
  join:
    uses: ./steps/join.ts
    inputs: { all: scale.*.scaled }
`;
  const FILES = {
    'recipe.yaml': RECIPE,
    'a.csv': '1\n',
    'b.csv': '2\n',
    'data/sub/c': '3\n',
    'code/tool.sh': '#!/bin/sh\necho tool\n',
    'steps/name.ts': `export const NAME = 'sum';\n`,
    'steps/join.ts': `import { readdirSync, writeFileSync } from 'node:fs';
import { defineStep, Type } from 'stockpot/steps';
import { NAME } from './name.ts';
export const step = defineStep({
  title: 'Join',
  config: Type.Object({}),
  inputs: { all: {} },
  outputs: { sum: { path: 'sum.json', kind: 'metrics' } },
  run: async ({ inputs, outputs }) => {
    writeFileSync(outputs.sum, JSON.stringify({ [NAME]: readdirSync(inputs.all).length }));
  },
});
`,
  };

  test('runs a recipe as one machine does, and another checkout has all of it cached', async () => {
    const [there, here, other] = [
      await fleet.project(FILES),
      await fleet.project(FILES),
      await fleet.project(FILES),
    ];
    for (const rig of [there, here, other]) await rig.makeExecutable('code/tool.sh');
    delete here.env['STOCKPOT_REMOTE'];
    const far = await there.events('-p', 'fleet');
    expect(outcomes(far)).toEqual({
      fetch: 'succeeded',
      'scale@by=1': 'succeeded',
      'scale@by=2': 'succeeded',
      'scale@by=3': 'succeeded',
      join: 'succeeded',
    });
    const near = await here.events();
    const outputs = (events: typeof far): unknown =>
      new Map(
        events
          .flatMap((event) =>
            event.type === 'step.succeeded' ? [[event.step, event.fingerprint, event.outputs]] : [],
          )
          .map(([step, ...made]) => [step, made]),
      );
    expect(outputs(far)).toEqual(outputs(near));
    expect(far.some((event) => event.type === 'step.output' && event.text.includes('fetching'))).toBe(true);
    const again = await other.events('-p', 'fleet');
    expect(new Set(Object.values(outcomes(again)))).toEqual(new Set(['cached']));
    // Only what the run itself reads came: figures and logs.
    expect(readdirSync(join(other.dir, '.stockpot/cache/cas')).length).toBeLessThan(8);
  });

  test('a step that fails ends the run, with its log and what it exited with', async () => {
    const rig = await fleet.project({
      'recipe.yaml': "steps: { a: { run: [sh, -c, 'echo before; exit 7'] } }\n",
    });
    const events = await rig.events('-p', 'fleet');
    expect(events.find((event) => event.type === 'step.failed')).toMatchObject({
      failure: { reason: 'exited', exitCode: 7 },
      logTail: 'before\n',
      attempt: 1,
    });
    expect((await rig.recipe('run', '-p', 'fleet')).exit).toBe(1);
  });

  test('a step is tried as often as its recipe says', async () => {
    const rig = await fleet.project({
      'recipe.yaml': `steps: { a: { run: [sh, -c, 'exit 7'], retry: { max_attempts: 3, on: [exited] } } }\n`,
    });
    const events = await rig.events('-p', 'fleet');
    expect(events.filter((event) => event.type === 'step.retrying').length).toBe(2);
    expect(events.find((event) => event.type === 'step.failed')).toMatchObject({ attempt: 3 });
  });

  test('what is never cached, or forced, is executed each time', async () => {
    const rig = await fleet.project({
      'recipe.yaml': `steps:
  a: { run: [sh, -c, 'date +%N > "$OUT_x"'], outputs: { x: x }, cache: never }
  b: { run: [sh, -c, 'cat "$IN_x" > "$OUT_y"'], inputs: { x: a.x }, outputs: { y: y } }
`,
    });
    expect(await rig.run('-p', 'fleet')).toEqual({ a: 'succeeded', b: 'succeeded' });
    expect(await rig.run('-p', 'fleet')).toEqual({ a: 'succeeded', b: 'succeeded' });
    expect(await rig.run('-p', 'fleet', '--force=b')).toEqual({ a: 'succeeded', b: 'succeeded' });
  });

  test('what a step reports reaches the tracked run, in order and once', async () => {
    const rig = await fleet.project({
      'recipe.yaml': `steps: { a: { run: [sh, -c, 'for i in 1 2 3 4 5; do echo "{\\"type\\":\\"metric\\",\\"key\\":\\"m\\",\\"value\\":$i,\\"step\\":$i}" >> "$(dirname "$STOCKPOT_STEP")/report.jsonl"; done'] } }\n`,
    });
    const events = await rig.events('-p', 'fleet');
    expect(
      events.flatMap((event) =>
        event.type === 'step.report' && event.entry.type === 'metric' ? [event.entry.value] : [],
      ),
    ).toEqual([1, 2, 3, 4, 5]);
  });

  test('two runs that need the same at once share one flight', async () => {
    const gate = fleet.gate('both');
    const files = {
      'recipe.yaml': `steps: { a: { run: [sh, -c, 'echo begun; cat ${gate.path} > "$OUT_x"'], outputs: { x: x } } }\n`,
    };
    const [one, two] = [await fleet.project(files), await fleet.project(files)];
    const first = new FollowedRun(one, '-p', 'fleet');
    await first.until(({ type }) => type === 'step.started');
    const second = new FollowedRun(two, '-p', 'fleet');
    // It hears what the other's attempt said before it came.
    await second.until((event) => event.type === 'step.output' && event.text.includes('begun'));
    await gate.open();
    for (const run of [first, second]) expect(outcomes((await run.end()).events)).toEqual({ a: 'succeeded' });
    // One attempt was made.
    const flights = readdirSync(join(fleet.shared, 'flights')).flatMap((fingerprint) =>
      readdirSync(join(fleet.shared, 'flights', fingerprint)).map((nonce) =>
        join(fleet.shared, 'flights', fingerprint, nonce),
      ),
    );
    const begun = flights.filter((dir) =>
      second.seen.some((event) => 'fingerprint' in event && dir.includes(String(event.fingerprint))),
    );
    expect(begun.map((dir) => readdirSync(dir))).toEqual([['start-1']]);
  });

  test('a run that is interrupted ends what only it waits for', async () => {
    const gate = fleet.gate('never');
    const rig = await fleet.project({
      'recipe.yaml': `steps: { a: { run: [sh, -c, 'trap "echo ended > ${fleet.dir}/ended; exit" TERM; echo begun; cat ${gate.path} & wait'] } }\n`,
    });
    const run = new FollowedRun(rig, '-p', 'fleet');
    await run.until((event) => event.type === 'step.output' && event.text.includes('begun'));
    const ended = fleet.gate('ended');
    run.kill('SIGINT');
    const { exit, events } = await run.end();
    expect([exit, outcomes(events)]).toEqual([130, { a: 'cancelled' }]);
    // The step's own trap writes to it.
    expect(readFileSync(ended.path, 'utf8')).toBe('ended\n');
  });

  test('a driver that is told to end leaves the steps of its runs to the next, and they go on', async () => {
    const gate = fleet.gate('handed');
    const rig = await fleet.project({
      'recipe.yaml': `steps:
  a: { run: [sh, -c, 'echo begun; cat ${gate.path} > "$OUT_x"; echo over'], outputs: { x: x } }
  b: { run: [cp, "{{ inputs.x }}", "{{ outputs.y }}"], inputs: { x: a.x }, outputs: { y: y } }
`,
    });
    const { out } = await rig.recipe('run', '-p', 'fleet', '--submit', '--json');
    const { run } = JSON.parse(out) as { run: string };
    const following = new FollowedRun(rig.start('attach', '--json', run));
    const driver = await DriverProcess.start(rig);
    await following.until((event) => event.type === 'step.output' && event.text.includes('begun'));
    expect((await driver.end('SIGTERM')).out).toContain('"state":"given-back"');
    await using _next = await DriverProcess.start(rig);
    // What the step said before is heard by whoever comes later.
    await following.until((event) => event.type === 'run.started');
    await following.until((event) => event.type === 'step.output' && event.text.includes('begun'));
    await gate.open();
    const { exit, events } = await following.end();
    expect(exit).toBe(0);
    const last = events.findLastIndex(({ type }) => type === 'run.started');
    expect(outcomes(events.slice(last))).toEqual({ a: 'succeeded', b: 'succeeded' });
    // It was begun once, under whichever driver.
    const [flights] = readdirSync(join(fleet.shared, 'flights'))
      .map((fingerprint) => join(fleet.shared, 'flights', fingerprint))
      .filter((dir) =>
        events.some((event) => 'fingerprint' in event && dir.includes(String(event.fingerprint))),
      )
      .map((dir) => readdirSync(dir).map((nonce) => readdirSync(join(dir, nonce))));
    expect(flights).toEqual([['start-1']]);
  });

  test('a secret is the worker’s, and its value is masked in the log', async () => {
    const rig = await fleet.project({
      'recipe.yaml': `steps: { a: { run: [sh, -c, 'echo "it is $KEY"; printf "%s" "$KEY" | wc -c > "$OUT_n"'], env: { KEY: { secret: KEY } }, outputs: { n: n }, queue: vault } }\n`,
      secrets: '# of the vault\nKEY=open-sesame\n',
    });
    await fleet.worker('--queue', 'vault', '--secrets', join(rig.dir, 'secrets'));
    const events = await rig.events('-p', 'fleet');
    expect(outcomes(events)).toEqual({ a: 'succeeded' });
    const log = events.flatMap((event) => (event.type === 'step.output' ? [event.text] : [])).join('');
    expect(log).toMatch(/^it is \*+/);
    expect(log).not.toContain('sesame');
  });

  test('a step that must run in the project runs on the machine of the driver', async () => {
    const rig = await fleet.project({
      'recipe.yaml': 'steps: { a: { run: [sh, -c, "pwd > here"], isolation: project } }\n',
    });
    expect(await rig.run('-p', 'fleet')).toEqual({ a: 'succeeded' });
    expect((await rig.read('here')).trim()).toBe(rig.dir);
  });

  test('a queue without a worker is said, and a worker that comes takes what waits', async () => {
    const rig = await fleet.project({ 'recipe.yaml': 'steps: { a: { run: ["true"], queue: gpu } }\n' });
    const run = new FollowedRun(rig, '-p', 'fleet');
    const waiting = await run.until(({ type }) => type === 'step.waiting');
    expect(waiting).toMatchObject({
      reason: 'queue',
      holder: 'a worker of the queue gpu: recipe worker --queue gpu',
    });
    const worker = await fleet.worker('--queue', 'gpu');
    expect(outcomes((await run.end()).events)).toEqual({ a: 'succeeded' });
    const { out } = await rig.recipe('workers', '-p', 'fleet', '--json');
    const { workers } = JSON.parse(out) as { workers: { id: string; queues: string[] }[] };
    expect(workers.find(({ id }) => id === worker.id)?.queues).toEqual(['gpu']);
    // Told to end, it ends when it has nothing left to do.
    expect(await worker.end('SIGTERM')).toMatchObject({ exit: 0 });
    expect((await rig.recipe('workers', '-p', 'fleet')).out).not.toContain(worker.id);
  });

  test('a worker that was killed in the folder of a project does not disturb it', async () => {
    const rig = await fleet.project({ 'recipe.yaml': 'steps: { a: { run: ["true"] } }\n' });
    await (await fleet.workerIn(rig, '--queue', 'here')).end('SIGKILL');
    const { exit, err } = await rig.recipe('run');
    expect({ exit, err }).toEqual({ exit: 0, err: '' });
    expect(readdirSync(join(rig.dir, '.stockpot/active'))).toEqual([]);
  });

  test('a run that was killed in the folder of a worker is in tracking to its end', async () => {
    const gate = fleet.gate('killed');
    const rig = await fleet.project({
      'recipe.yaml': `steps: { a: { run: [sh, -c, 'echo begun; cat ${gate.path}'] } }\n`,
    });
    const run = new FollowedRun(rig);
    await run.until((event) => event.type === 'step.output' && event.text.includes('begun'));
    run.kill('SIGKILL');
    await run.end();
    await fleet.workerIn(rig, '--queue', 'here');
    const { out } = await rig.recipe('runs', 'list', '--json');
    expect(JSON.parse(out)).toMatchObject([{ status: 'KILLED' }]);
  });

  test('a schedule runs on the fleet of its profile', async () => {
    const rig = await fleet.project({
      'recipe.yaml': `steps: { a: { run: [sh, -c, 'cat tool > "$OUT_x"'], code: [tool], outputs: { x: x } } }\n`,
      tool: 'hammer\n',
      'profiles/fleet.yaml': "executor: fleet\nschedule: { cron: '@daily', timezone: UTC }\n",
    });
    const dir = join(fleet.shared, 'flights');
    const flights = (): number => (existsSync(dir) ? readdirSync(dir).length : 0);
    const before = flights();
    expect(await rig.recipe('schedules', 'apply', '-p', 'fleet')).toMatchObject({ exit: 0, err: '' });
    const { out } = await rig.recipe('schedules', 'list', '--json');
    const [{ name }] = JSON.parse(out) as [{ name: string }];
    expect(await rig.recipe('schedules', 'run', name)).toMatchObject({
      exit: 0,
      out: expect.stringContaining('succeeded'),
    });
    // A worker made it, from the snapshot's code.
    expect(flights()).toBe(before + 1);
  });

  test('a worker counts what it does, for Prometheus', async () => {
    const rig = await fleet.project({
      'recipe.yaml': `steps:
  a: { run: ["true", counted], queue: counted }
  b: { run: ["false", counted], queue: counted }
`,
    });
    const worker = await fleet.worker('--queue', 'counted', '--metrics', '0');
    await rig.events('-p', 'fleet', '--keep-going');
    for (const _ of ['a', 'b']) await worker.said('ended');
    const text = await (await fetch(String(worker.started['metrics']))).text();
    for (const line of [
      'stockpot_worker_tasks_total{outcome="succeeded"} 1',
      'stockpot_worker_tasks_total{outcome="exited"} 1',
      'stockpot_worker_running 0',
      'stockpot_worker_redis_up 1',
    ])
      expect(text.split('\n')).toContain(line);
  });

  test('a worker that is told to end finishes what it runs', async () => {
    const gate = fleet.gate('last');
    const rig = await fleet.project({
      'recipe.yaml': `steps: { a: { run: [sh, -c, 'echo begun; cat ${gate.path}'], queue: last } }\n`,
    });
    const worker = await fleet.worker('--queue', 'last');
    const run = new FollowedRun(rig, '-p', 'fleet');
    await run.until((event) => event.type === 'step.output' && event.text.includes('begun'));
    const ended = worker.end('SIGTERM');
    await gate.open();
    expect(outcomes((await run.end()).events)).toEqual({ a: 'succeeded' });
    expect((await ended).exit).toBe(0);
  });

  test('a worker that is told to end at once gives its work to another, which does not count', async () => {
    const gate = fleet.gate('moved');
    const rig = await fleet.project({
      'recipe.yaml': `steps: { a: { run: [sh, -c, 'echo begun; cat ${gate.path}'], queue: moved, grace: 1s } }\n`,
    });
    const worker = await fleet.worker('--queue', 'moved', '--drain', '1ms');
    const run = new FollowedRun(rig, '-p', 'fleet');
    await run.until((event) => event.type === 'step.output' && event.text.includes('begun'));
    expect((await worker.end('SIGTERM')).exit).toBe(0);
    await fleet.worker('--queue', 'moved');
    await gate.open();
    expect(outcomes((await run.end()).events)).toEqual({ a: 'succeeded' });
  });

  test('a lost blob of an input is made again by who made it', async () => {
    const rig = await fleet.project({
      'recipe.yaml': `steps:
  a: { run: [sh, -c, 'echo lost-and-found > "$OUT_x"'], outputs: { x: x } }
  b: { run: [sh, -c, 'cat "$IN_x" {{ params.more }} > "$OUT_y"'], inputs: { x: a.x }, outputs: { y: y } }
params: { more: /dev/null }
`,
    });
    const before = await rig.events('-p', 'fleet', '--until', 'a');
    const made = before.find((event) => event.type === 'step.succeeded');
    const digest = made?.outputs['x']?.digest ?? '';
    rmSync(join(fleet.shared, 'cas', digest.slice(0, 2), digest));
    rmSync(join(rig.dir, '.stockpot'), { recursive: true });
    expect(existsSync(join(fleet.shared, 'cas', digest.slice(0, 2), digest))).toBe(false);
    expect(outcomesOf((await rig.recipe('run', '--json', '-p', 'fleet')).out)).toEqual({
      a: 'succeeded',
      b: 'succeeded',
    });
  });

  test('Redis keeps what a step said for seconds once nobody waits for it', async () => {
    const rig = await fleet.project({
      'recipe.yaml': `steps: { a: { matrix: { i: [1, 2, 3] }, run: [sh, -c, 'echo said briefly {{ matrix.i }}'] } }\n`,
    });
    const said = async (): Promise<string[]> => (await fleet.redis.cli('KEYS', '*:live:*')).split('\n');
    const before = await said();
    await rig.events('-p', 'fleet');
    const keys = (await said()).filter((key) => !before.includes(key));
    const lapses = await Promise.all(keys.map(async (key) => Number(await fleet.redis.cli('TTL', key))));
    expect(Math.max(0, ...lapses)).toBeLessThanOrEqual(5);
  });
});
