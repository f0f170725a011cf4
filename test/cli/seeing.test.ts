import { rmSync } from 'node:fs';
import { readlink } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';

const BIN = join(import.meta.dirname, '../../bin/recipe.js');

describe('latest/', () => {
  const RECIPE = `params: { text: one }
steps:
  say:
    run: [sh, -c, 'mkdir "$OUT_dir"; echo "$1" > "$OUT_dir/a.txt"; echo "$1" > "$OUT_file"', sh, "{{ params.text }}"]
    outputs: { dir: dir/, file: said.txt }
`;

  test('links to the newest outputs of each step, with their extensions', async () => {
    await using rig = await CliRig.create({ 'recipes/demo/recipe.yaml': RECIPE });
    const latest = join(rig.dir, '.stockpot/latest/demo/say');
    await rig.run('demo');
    expect(await readlink(join(latest, 'file.txt'))).toContain(join(rig.dir, '.stockpot/cache/cas'));
    expect(await rig.read('.stockpot/latest/demo/say/file.txt')).toBe('one\n');
    expect(await rig.read('.stockpot/latest/demo/say/dir/a.txt')).toBe('one\n');
    await rig.run('demo', '-S', 'params.text=two');
    expect(await rig.read('.stockpot/latest/demo/say/file.txt')).toBe('two\n');
    expect(await rig.read('.stockpot/latest/demo/say/dir/a.txt')).toBe('two\n');
  });

  test('follows a step that goes back to an older result, and comes back when it was removed', async () => {
    await using rig = await CliRig.create({ 'recipes/demo/recipe.yaml': RECIPE });
    await rig.run('demo');
    await rig.run('demo', '-S', 'params.text=two');
    expect(await rig.run('demo')).toEqual({ say: 'cached' });
    expect(await rig.read('.stockpot/latest/demo/say/file.txt')).toBe('one\n');
    rmSync(join(rig.dir, '.stockpot/latest'), { recursive: true });
    expect(await rig.run('demo')).toEqual({ say: 'cached' });
    expect(await rig.read('.stockpot/latest/demo/say/dir/a.txt')).toBe('one\n');
  });
});

describe('an address', () => {
  test('that names a step only is refused with how a step is written', async () => {
    await using rig = await CliRig.create({ 'recipe.yaml': 'steps:\n  say: { run: "true" }\n' });
    await rig.run();
    const { exit, err } = await rig.recipe('logs', 'say');
    expect([exit, err.trim().split('\n').at(-1)]).toEqual([
      2,
      '  A step of the recipe in this folder is written :say.',
    ]);
    expect((await rig.recipe('logs', ':say')).exit).toBe(0);
  });
});

describe('recipe logs -f', () => {
  test('prints what a running step writes, and ends with it', async () => {
    await using rig = await CliRig.create({
      'recipe.yaml': `steps:
  slow:
    run: 'echo begun; until [ -e "$GO" ]; do sleep 0.02; done; echo ended'
    pass_env: [GO]
`,
    });
    rig.env['GO'] = join(rig.dir, 'go');
    const env = { PATH: process.env['PATH'] ?? '', HOME: rig.dir, ...rig.env };
    const run = execa(process.execPath, [BIN, 'run', '--json'], { cwd: rig.dir, env, extendEnv: false });
    await new Promise<void>((resolve) =>
      run.stdout.on('data', (chunk: Buffer) => {
        if (chunk.includes('step.output')) resolve();
      }),
    );
    const follow = execa(process.execPath, [BIN, 'logs', '-f', ':slow'], {
      cwd: rig.dir,
      env,
      extendEnv: false,
    });
    follow.stdout.on('data', (chunk: Buffer) => {
      if (chunk.includes('begun')) void rig.write('go', '');
    });
    const [{ stdout, exitCode }] = await Promise.all([follow, run]);
    expect({ stdout, exitCode }).toEqual({ stdout: 'begun\nended', exitCode: 0 });
  });

  test('of a run that is over, prints all of it', async () => {
    await using rig = await CliRig.create({ 'recipe.yaml': 'steps:\n  say: { run: echo hello }\n' });
    await rig.run();
    expect(await rig.recipe('logs', '--follow', ':say')).toMatchObject({ exit: 0, out: 'hello\n' });
    await rig.run();
    expect(await rig.recipe('logs', '--follow', ':say')).toMatchObject({ exit: 0, out: 'hello\n' });
  });

  test('without a run says so', async () => {
    await using rig = await CliRig.create({ 'recipe.yaml': 'steps:\n  say: { run: echo hello }\n' });
    const { exit, err } = await rig.recipe('logs', '-f', ':say', '--json');
    expect({ exit, code: (JSON.parse(err) as { code: string }).code }).toEqual({
      exit: 2,
      code: 'RUN_NOT_FOUND',
    });
  });
});

describe('recipe inspect', () => {
  const RECIPE = `steps:
  a: { run: "touch $OUT_o", outputs: { o: o.txt } }
  b: { run: "exit 3", inputs: { o: a.o } }
  c: { run: "true", inputs: { o: a.o }, when: false }
`;

  test('shows where each step stood at the end of the newest run', async () => {
    await using rig = await CliRig.create({ 'recipe.yaml': RECIPE });
    expect((await rig.recipe('inspect')).out).toBe('· a  → o\n· b  ← a.o\n· c  ← a.o\n');
    await rig.recipe('run', '-k');
    expect((await rig.recipe('inspect')).out).toBe('✓ a  → o\n✗ b  ← a.o\n– c  ← a.o\n');
    const { out } = await rig.recipe('inspect', '--json');
    const { steps } = JSON.parse(out) as { steps: { id: string; state: string }[] };
    expect(steps.map(({ id, state }) => [id, state])).toEqual([
      ['a', 'succeeded'],
      ['b', 'failed'],
      ['c', 'skipped'],
    ]);
    expect((await rig.recipe('inspect', '--format', 'mermaid')).out).toContain('s1["b"]:::failed');
    expect((await rig.recipe('inspect', '--format', 'dot')).out).toContain('"b" [style=filled');
  });
});

test('a run that is stopped says what is left', async () => {
  await using rig = await CliRig.create({
    'recipe.yaml': `steps:
  first: { run: "echo begun; sleep 100 > /dev/null", outputs: {} }
  second: { run: "touch $OUT_o", outputs: { o: o.txt } }
  third: { run: "true", inputs: { o: second.o } }
`,
  });
  const child = execa(process.execPath, [BIN, 'run', '-j', '1'], {
    cwd: rig.dir,
    env: { PATH: process.env['PATH'] ?? '', HOME: rig.dir },
    extendEnv: false,
    reject: false,
  });
  child.stdout.on('data', (chunk: Buffer) => {
    if (chunk.includes('begun')) child.kill('SIGINT');
  });
  const { exitCode, stdout } = await child;
  expect(exitCode).toBe(130);
  expect(stdout).toMatch(/Stopped; left to do: .*first/);
  expect(stdout).toMatch(/left to do: .*third/);
});

test('a URL that many steps take is asked for once a run', async () => {
  let asked = 0;
  await using server = createServer((_, response) => {
    asked += 1;
    response.end('a,b\n1,2\n');
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/data.csv`;
  const steps = Array.from(
    { length: 6 },
    (_, n) =>
      `  s${n}: { run: "cat $IN_d > $OUT_o; echo ${n} >> $OUT_o", inputs: { d: "${url}" }, outputs: { o: o.txt } }`,
  );
  await using rig = await CliRig.create({ 'recipe.yaml': `steps:\n${steps.join('\n')}\n` });
  expect(new Set(Object.values(await rig.run('-j', '4')))).toEqual(new Set(['succeeded']));
  expect(asked).toBe(1);
});
