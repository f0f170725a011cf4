import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { DRIVER_FAILPOINTS } from '../../src/core/failpoint.ts';
import { CliRig, eventsOf, type Outcome, outcomesOf } from '../rigs/cli-rig.ts';
import { DriverProcess } from '../rigs/driver-process.ts';
import { hasSaid } from '../rigs/has-said.ts';
import { inProcess, inProcessWith } from '../rigs/in-process.ts';
import { RegistryRig } from '../rigs/registry-rig.ts';

const RECIPE = {
  'recipe.yaml': `steps:
  fetch: { run: [sh, -c, 'cat "$IN_data"/* > "$OUT_rows"'], inputs: { data: ./data }, outputs: { rows: rows.csv } }
  sum: { run: [sh, -c, './sum.sh < "$IN_rows" | tee "$OUT_sum"'], code: [sum.sh], inputs: { rows: fetch.rows }, outputs: { sum: sum.txt } }
`,
  'data/a.csv': '1\n',
  'data/deep/b.csv': '2\n',
  'sum.sh': '#!/bin/sh\nwc -l\n',
};
const FLAT = { ...RECIPE, 'recipe.yaml': RECIPE['recipe.yaml'].replace('"$IN_data"/*', '"$IN_data"/a.csv') };
/** Each step says in a file that it ran. */
const COUNTED = `steps:
  a: { run: [sh, -c, 'echo a >> "$RAN"; echo 1 > "$OUT_x"'], pass_env: [RAN], outputs: { x: x } }
  b: { run: [sh, -c, 'echo b >> "$RAN"; cat "$IN_x" > "$OUT_y"'], pass_env: [RAN], inputs: { x: a.x }, outputs: { y: y } }
`;

async function project(files: Readonly<Record<string, string>> = FLAT): Promise<CliRig> {
  const rig = await CliRig.create(files);
  if ('sum.sh' in files) await rig.makeExecutable('sum.sh');
  rig.env['RAN'] = join(rig.dir, 'ran.txt');
  return rig;
}

async function here({ dir, env }: CliRig, ...args: string[]): Promise<Outcome> {
  return inProcessWith({ dir, env }, ...args);
}

async function submit(rig: CliRig, ...args: string[]): Promise<string> {
  const { exit, out, err } = await inProcess(rig.dir, 'run', '--submit', '--json', ...args);
  if (exit !== 0) throw new Error(err);
  return (JSON.parse(out) as { run: string }).run;
}

async function drive(rig: CliRig): Promise<string[]> {
  const { out } = await here(rig, 'worker', '--drive', '2', '--once', '--json');
  return statesIn(out);
}

function statesIn(out: string): string[] {
  return out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { type: string; state?: string })
    .flatMap(({ type, state = '' }) => (type === 'run' ? [state] : []));
}

describe('recipe run --submit', () => {
  test('hands over a run with all that it reads: what changes afterwards does not reach it', async () => {
    await using rig = await project();
    const { exit, out } = await rig.recipe('run', '--submit');
    const id = out.split(' ')[0] ?? '';
    expect(exit).toBe(0);
    expect(out).toBe(
      `${id} is submitted: \`recipe worker --drive 1\` in this folder runs it\n  recipe attach ${id}   follows it\n  recipe cancel ${id}   ends it\n`,
    );
    await rig.write('data/a.csv', 'changed\nchanged\n');
    await rig.write('sum.sh', '#!/bin/sh\nexit 1\n');
    await rig.write('recipe.yaml', 'steps: {}\n');
    expect(await drive(rig)).toEqual(['running', 'succeeded']);
    const attached = await here(rig, 'attach', id);
    expect(attached.out).toContain('sum    | 1\n');
    expect(attached.out).toMatch(/\n2 succeeded · /);
    expect(attached.exit).toBe(0);
    expect((await here(rig, 'runs', 'list')).out).toContain(id);
    // What it laid out is gone.
    expect(readdirSync(join(rig.dir, '.stockpot/submitted'))).toEqual([]);
  });

  test('and the same run here has all of it cached', async () => {
    await using rig = await project();
    await submit(rig);
    await drive(rig);
    expect(await rig.run()).toEqual({ fetch: 'cached', sum: 'cached' });
  });

  test('takes along what was asked of the run', async () => {
    await using rig = await project({
      'recipe.yaml': `params: { n: 1 }
steps:
  a: { run: [sh, -c, 'echo {{ params.n }} {{ tick.at }} | tee "$OUT_x"'], outputs: { x: x } }
  b: { run: [sh, -c, 'cat "$IN_x"; exit 1'], inputs: { x: a.x } }
  c: { run: [sh, -c, 'exit 2'] }
  d: { run: ["true"] }
`,
    });
    const at = Date.UTC(2027, 0, 2);
    const asked = { dir: rig.dir, env: {}, now: at };
    const submitted = ['--submit', '--json', '-k', '--until', 'b', '-S', 'params.n=7'];
    const { run } = JSON.parse((await inProcessWith(asked, 'run', ...submitted)).out) as { run: string };
    expect(await drive(rig)).toEqual(['running', 'failed']);
    const { exit, out } = await here(rig, 'attach', run, '--json');
    expect(exit).toBe(1);
    expect(outcomesOf(out)).toEqual({ a: 'succeeded', b: 'failed' });
    expect(out).toContain('7 2027-01-02');
  });

  test.each([
    [['--jobs', '2'], '--jobs is about a run on this machine'],
    [['--offline'], '--offline is about a run on this machine'],
    [['--require-validated'], '--require-validated is about'],
    [['--database', 'postgres://h/d'], '--database is about'],
  ])('%j with it is refused', async (args, message) => {
    await using rig = await project();
    const { exit, err } = await inProcess(rig.dir, 'run', '--submit', ...args);
    expect({ exit, err }).toEqual({ exit: 2, err: expect.stringContaining(message) });
    expect(existsSync(join(rig.dir, '.stockpot'))).toBe(false);
  });

  test('what is wrong with the recipe is said before anything is accepted', async () => {
    await using rig = await project({
      ...FLAT,
      'recipe.yaml': RECIPE['recipe.yaml'].replace('./data', './gone'),
    });
    const { exit, err } = await inProcess(rig.dir, 'run', '--submit');
    expect({ exit, err }).toEqual({ exit: 2, err: expect.stringContaining('INPUT_NOT_FOUND') });
    expect((await inProcess(rig.dir, 'attach')).err).toContain('No submitted run goes on');
  });

  test('an input outside of the project cannot be handed over', async () => {
    await using rig = await project({
      ...FLAT,
      'recipe.yaml': RECIPE['recipe.yaml'].replace('./data', '../'),
    });
    const { exit, err } = await inProcess(rig.dir, 'run', '--submit');
    expect({ exit, err }).toEqual({
      exit: 2,
      err: expect.stringMatching(/PATH_UNSAFE|PATH_INVALID|VALUE_INVALID/),
    });
  });
});

describe('a submitted run', () => {
  test('is given back by a driver that is told to end, and the next goes on with it', async () => {
    await using rig = await project({
      'recipe.yaml': `steps:
  a: { run: [sh, -c, 'echo a >> "$RAN"; echo 1 > "$OUT_x"'], pass_env: [RAN], outputs: { x: x } }
  b: { run: [sh, -c, 'echo b >> "$RAN"; [ "$(grep -c b "$RAN")" = 1 ] && exec sleep 600; cat "$IN_x"'], pass_env: [RAN], inputs: { x: a.x } }
`,
    });
    const id = await submit(rig);
    const following = rig.start('attach', id);
    const driver = await DriverProcess.start(rig);
    await hasSaid(following.stdout, /^b +started/m);
    expect(statesIn((await driver.end('SIGTERM')).out)).toEqual(['running', 'given-back']);
    expect(await drive(rig)).toEqual(['running', 'succeeded']);
    const { exitCode, stdout } = await following;
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^a +cached/m);
    expect(stdout).toMatch(/\n1 succeeded · 1 cached · /);
    expect((await rig.read('ran.txt')).split('\n')).toEqual(['a', 'b', 'b', '']);
  }, 60_000);

  test('is cancelled while it waits, and while it runs', async () => {
    await using rig = await project({
      'recipe.yaml': "steps: { a: { run: [sh, -c, 'echo begun; exec sleep 600'] } }\n",
    });
    const waiting = await submit(rig);
    expect(await here(rig, 'cancel', waiting)).toMatchObject({ exit: 0, out: `${waiting} is cancelled\n` });
    expect(await here(rig, 'attach', waiting)).toMatchObject({
      exit: 130,
      err: `${waiting} is cancelled\n`,
    });
    const running = await submit(rig);
    const following = rig.start('attach');
    await using _driver = await DriverProcess.start(rig);
    await hasSaid(following.stdout, /begun/);
    expect((await here(rig, 'cancel', running)).exit).toBe(0);
    const { exitCode, stderr } = await following;
    expect(exitCode).toBe(130);
    expect(stderr.endsWith(`${running} is cancelled\n`)).toBe(true);
    expect(await here(rig, 'cancel', running)).toMatchObject({
      exit: 2,
      err: expect.stringContaining(`recipe retry ${running}`),
    });
  }, 60_000);

  test('is tried again as it was submitted, and what was done is not repeated', async () => {
    await using rig = await project({
      'recipe.yaml': `steps:
  a: { run: [sh, -c, 'echo a >> "$RAN"; echo 1 > "$OUT_x"'], pass_env: [RAN], outputs: { x: x } }
  b: { run: [sh, -c, '[ -e "$RAN.ok" ]'], pass_env: [RAN], inputs: { x: a.x } }
`,
    });
    const id = await submit(rig);
    expect(await drive(rig)).toEqual(['running', 'failed']);
    expect((await here(rig, 'attach', id)).exit).toBe(1);
    await rig.write('ran.txt.ok', '');
    await rig.write('recipe.yaml', 'steps: {}\n');
    const { out } = await here(rig, 'retry', id, '--json');
    expect(await drive(rig)).toEqual(['running', 'succeeded']);
    const again = await here(rig, 'attach', (JSON.parse(out) as { run: string }).run, '--json');
    expect(outcomesOf(again.out)).toEqual({ a: 'cached', b: 'succeeded' });
    expect(await rig.read('ran.txt')).toBe('a\n');
  });

  test.each([
    [['attach', 'x'], 'No run whose id begins with x was submitted here'],
    [['retry', 'x'], 'No run whose id begins with x was submitted here'],
    [['cancel', 'x'], 'No run of this project whose id begins with x goes on'],
    [['attach'], 'No submitted run goes on'],
    [['worker', '--drive', '0'], '--drive 0 is not a whole number from 1'],
    [['worker', '--once'], '--once is for a driver alone'],
    [['worker', '--drive', '1', '--once', '--queue', 'a'], '--once is for a driver alone'],
  ])('%j is refused', async (argv, message) => {
    await using rig = await project();
    const { exit, err } = await inProcess(rig.dir, ...argv);
    expect({ exit, err }).toEqual({ exit: 2, err: expect.stringContaining(message) });
  });

  test('may change what is outside where runs of a terminal may not', async () => {
    await using rig = await RegistryRig.create();
    await rig.cli.write('profiles/shared.yaml', 'effects: submitted\n');
    const effects = (out: string): unknown[] =>
      eventsOf(out).flatMap((event) =>
        event.type.startsWith('effect.')
          ? [[event.type, 'because' in event ? event.because : undefined]]
          : [],
      );
    const { out } = await here(rig.cli, 'run', '-p', 'shared', '--json');
    expect(effects(out)).toEqual([['effect.skipped', 'effects: submitted']]);
    const id = await submit(rig.cli, '-p', 'shared');
    expect(await drive(rig.cli)).toEqual(['running', 'succeeded']);
    expect(effects((await here(rig.cli, 'attach', id, '--json')).out)).toEqual([['effect.done', undefined]]);
  });

  test('whoever follows it leaves it to itself with Ctrl-C', async () => {
    await using rig = await project();
    const id = await submit(rig);
    const { exit, err } = await interrupted(rig, id);
    expect(exit).toBe(130);
    expect(err).toContain(`${id} goes on without you`);
    expect(await drive(rig)).toEqual(['running', 'succeeded']);
  });
});

/** Ctrl-C once it says that the run waits. */
async function interrupted(rig: CliRig, id: string): Promise<{ exit: number | undefined; err: string }> {
  const child = rig.start('attach', id);
  child.stderr.once('data', () => child.kill('SIGINT'));
  const { exitCode, stderr } = await child;
  return { exit: exitCode, err: stderr };
}

describe('kill -9 of a driver', () => {
  test.each(DRIVER_FAILPOINTS)(
    'at %s: another brings the run to its end, and repeats no step',
    async (name) => {
      await using rig = await project({ 'recipe.yaml': COUNTED });
      const id = await submit(rig);
      rig.env['STOCKPOT_FAILPOINT'] = name;
      expect((await rig.recipe('worker', '--drive', '1', '--once')).signal).toBe('SIGKILL');
      // Its lease is over then.
      const later = { dir: rig.dir, env: { RAN: rig.env['RAN'] ?? '' }, now: Date.now() + 60_000 };
      const { out } = await inProcessWith(later, 'worker', '--drive', '1', '--once', '--json');
      const isOver = name === 'submission.after-end';
      expect(statesIn(out)).toEqual(isOver ? [] : ['running', 'succeeded']);
      expect((await here(rig, 'attach', id)).exit).toBe(0);
      expect(await rig.read('ran.txt')).toBe('a\nb\n');
      expect((await inProcess(rig.dir, 'runs', 'list')).out).not.toContain('RUNNING');
    },
    60_000,
  );
});
