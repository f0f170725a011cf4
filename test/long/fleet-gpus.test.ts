import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { outcomes } from '../rigs/cli-rig.ts';
import { FleetRig, type Gate } from '../rigs/fleet-rig.ts';
import { FollowedRun } from '../rigs/followed-run.ts';
import { RedisRig } from '../rigs/redis-rig.ts';

const missing = await RedisRig.missing();

describe.skipIf(missing !== undefined)('GPUs of a fleet', () => {
  let fleet: FleetRig;
  beforeAll(async () => {
    fleet = await FleetRig.start();
    await fleet.worker('--concurrency', '3', '--gpus', '5,GPU-8932f937');
  });
  afterAll(async () => fleet[Symbol.asyncDispose]());

  function saidBy(run: FollowedRun): Map<string, string> {
    return new Map(
      run.seen.flatMap((event) => (event.type === 'step.output' ? [[event.step, event.text.trim()]] : [])),
    );
  }

  test('two steps at once have different ones, and a third waits for one', async () => {
    const gates = new Map<string, Gate>(['a', 'b', 'c'].map((name) => [name, fleet.gate(`at-${name}`)]));
    const step = (name: string): string =>
      `  ${name}: { run: [sh, -c, 'echo "$CUDA_VISIBLE_DEVICES"; read go < ${gates.get(name)?.path}'], resources: { gpus: 1 } }\n`;
    const rig = await fleet.project({ 'recipe.yaml': `steps:\n${[...gates.keys()].map(step).join('')}` });
    const run = new FollowedRun(rig, '-p', 'fleet');
    const waiting = await run.until(
      (event) => event.type === 'step.waiting' && /^GPUs of .*, which other steps have$/.test(event.holder),
    );
    const third = 'step' in waiting ? String(waiting.step) : '';
    const firsts = [...gates.keys()].filter((name) => name !== third);
    for (const name of firsts) await gates.get(name)?.open();
    await gates.get(third)?.open();
    expect(outcomes((await run.end()).events)).toEqual({ a: 'succeeded', b: 'succeeded', c: 'succeeded' });
    const said = saidBy(run);
    expect(new Set(firsts.map((name) => said.get(name)))).toEqual(new Set(['5', 'GPU-8932f937']));
    expect(['5', 'GPU-8932f937']).toContain(said.get(third));
  });

  test('a step that asks for none sees none where --gpus says which there are, and is left alone elsewhere', async () => {
    const machine = await fleet.machine();
    machine.env['CUDA_VISIBLE_DEVICES'] = '3,4,6';
    machine.env['CUDA_DEVICE_ORDER'] = 'PCI_BUS_ID';
    await fleet.workerIn(machine, '--queue', 'found');
    const rig = await fleet.project({
      'recipe.yaml': `steps:
  said: { run: [sh, -c, 'echo "said [\${CUDA_VISIBLE_DEVICES-none}]"'] }
  found: { run: [sh, -c, 'echo "found [\${CUDA_VISIBLE_DEVICES-none}]"'], queue: found }
  two: { run: [sh, -c, 'echo "two [$CUDA_VISIBLE_DEVICES] $CUDA_DEVICE_ORDER"'], queue: found, resources: { gpus: 2 } }
`,
    });
    const run = new FollowedRun(rig, '-p', 'fleet');
    await run.end();
    expect(Object.fromEntries(saidBy(run))).toEqual({
      said: 'said []',
      found: 'found [none]',
      two: 'two [3,4] PCI_BUS_ID',
    });
  });

  test('a step that wants more than any worker has waits and says so, until one comes that has them', async () => {
    await fleet.worker('--queue', 'big', '--gpus', '1');
    const rig = await fleet.project({
      'recipe.yaml':
        'steps: { a: { run: [sh, -c, \'echo "$CUDA_VISIBLE_DEVICES"\'], queue: big, resources: { gpus: 3 } } }\n',
    });
    const run = new FollowedRun(rig, '-p', 'fleet');
    const waiting = await run.until(({ type }) => type === 'step.waiting');
    expect(waiting).toMatchObject({ reason: 'queue', holder: 'a worker that has 3 GPUs: this one has 1' });
    const doctor = await rig.recipe('doctor', '--fleet', '-p', 'fleet');
    expect(doctor.out).toMatch(
      /^problem +queue big +none of its workers has 3 GPUs, which the step a wants: it waits$/m,
    );
    const worker = await fleet.worker('--queue', 'big', '--gpus', '3');
    const { events } = await run.end();
    expect(outcomes(events)).toEqual({ a: 'succeeded' });
    expect(saidBy(run).get('a')).toBe('0,1,2');
    const { out } = await rig.recipe('workers', '-p', 'fleet', '--json');
    const { workers } = JSON.parse(out) as { workers: { id: string; gpus: number }[] };
    expect(workers.find(({ id }) => id === worker.id)?.gpus).toBe(3);
    expect((await rig.recipe('doctor', '--fleet', '-p', 'fleet')).out).toMatch(/^ok +queue big/m);
  });

  test('a step in the project’s own folder has those of the driver’s machine', async () => {
    const rig = await fleet.project({
      'recipe.yaml':
        'steps: { a: { run: [sh, -c, \'echo "here $CUDA_VISIBLE_DEVICES"\'], isolation: project, resources: { gpus: 1 } } }\n',
    });
    rig.env['CUDA_VISIBLE_DEVICES'] = '9';
    const run = new FollowedRun(rig, '-p', 'fleet');
    await run.end();
    expect(saidBy(run).get('a')).toBe('here 9');
    rig.env['CUDA_VISIBLE_DEVICES'] = '';
    const { exit, err } = await rig.recipe('run', '-p', 'fleet', '--force');
    expect({ exit, err }).toMatchObject({ exit: 2, err: expect.stringContaining('GPUS_LACKING') });
  });

  test.each(['-1', 'all', '', '0,0', '1,-1', '0,', '2000'])('--gpus %s is refused', async (gpus) => {
    const rig = await fleet.project({});
    const { exit, err } = await rig.recipe('worker', `--gpus=${gpus}`);
    expect({ exit, err }).toMatchObject({
      exit: 2,
      err: expect.stringContaining(`--gpus ${gpus} is neither`),
    });
  });
});
