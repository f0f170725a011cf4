import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';
import { livingMembers } from '../rigs/process-group.ts';

describe('a step that fails', () => {
  test('ends the run with exit 1, skips what needs it, and is not cached', async () => {
    await using rig = await CliRig.create({
      'recipe.yaml': `steps:
  bad: { run: "echo oops; exit 7", outputs: { x: x.txt } }
  after: { run: cp "$IN_x" "$OUT_y", inputs: { x: bad.x }, outputs: { y: y.txt } }
`,
    });
    const { exit, out } = await rig.recipe('run');
    expect(exit).toBe(1);
    expect(out).toContain('bad    failed: exited with code 7');
    expect(out).toContain('after  skipped: bad did not succeed');
    expect(await rig.run()).toEqual({ bad: 'failed', after: 'skipped' });
  });

  test('with --keep-going the others are finished', async () => {
    await using rig = await CliRig.create({
      'recipe.yaml': `steps:
  bad: { run: exit 1 }
  good: { run: echo 1 > "$OUT_x", outputs: { x: x.txt } }
`,
    });
    expect(await rig.run('-k', '-j', '1')).toEqual({ bad: 'failed', good: 'succeeded' });
  });

  test('a declared output that is missing, or is not what its kind says, is named', async () => {
    await using rig = await CliRig.create({
      'recipe.yaml': `steps:
  none: { run: "true", outputs: { x: x.txt } }
  metrics:
    run: echo '{"a":"b"}' > "$OUT_m"
    outputs: { m: { path: m.json, kind: metrics } }
`,
    });
    const { out } = await rig.recipe('run', '-k');
    expect(out).toContain('none     failed: did not write its output x (x.txt)');
    expect(out).toContain('metrics  failed: wrote a bad output m: it is not a JSON map of names to numbers');
  });

  test('a retry is made for the reasons named', async () => {
    await using rig = await CliRig.create({
      'recipe.yaml': `steps:
  flaky:
    run: |
      test -e "$DIR/tried" || { touch "$DIR/tried"; exit 3; }
      echo done > "$OUT_x"
    env: { DIR: "{{ params.dir }}" }
    outputs: { x: x.txt }
    retry: { max_attempts: 2, on: [exited] }
params: { dir: none }
`,
    });
    const events = await rig.events('-S', `params.dir=${rig.dir}`);
    expect(events.map(({ type }) => type).filter((type) => type.startsWith('step.'))).toEqual([
      'step.started',
      'step.retrying',
      'step.started',
      'step.succeeded',
    ]);
  });

  test('a step that ignores TERM is killed after its grace', async () => {
    await using rig = await CliRig.create({
      'recipe.yaml': `steps:
  stubborn: { run: "trap '' TERM; while true; do :; done", timeout: 300ms, grace: 300ms }
`,
    });
    const { exit, out } = await rig.recipe('run');
    expect(exit).toBe(1);
    expect(out).toContain('stubborn  failed: ran longer than its limit of 0.3 s');
  });

  test('a step that prints without end is cut, and what it printed first is kept', async () => {
    await using rig = await CliRig.create({
      'recipe.yaml': `steps:
  loud: { run: "echo first; seq 1 6000000; echo x > $OUT_x", outputs: { x: x.txt } }
`,
    });
    expect(await rig.run()).toEqual({ loud: 'succeeded' });
    const { out } = await rig.recipe('logs', ':loud');
    expect(out.startsWith('first\n')).toBe(true);
    expect(out).toMatch(/\[log cut: \d+ more bytes\]\n$/);
    expect(out.length).toBeLessThan(34_000_000);
  });
});

describe('what a step sees', () => {
  test('nothing of the caller’s environment but what is declared', async () => {
    await using rig = await CliRig.create({
      'recipe.yaml': `steps:
  env: { run: env | sort > "$OUT_env", outputs: { env: env.txt }, pass_env: [SHARED], env: { OWN: mine } }
`,
    });
    rig.env['SHARED'] = 'shared';
    rig.env['HIDDEN'] = 'hidden';
    await rig.run();
    await rig.recipe('artifacts', 'get', ':env.env', 'env.txt');
    const env = await rig.read('env.txt');
    expect(env).toContain('SHARED=shared');
    expect(env).toContain('OWN=mine');
    expect(env).not.toContain('hidden');
  });

  test('a secret’s value is in no file, log or event', async () => {
    await using rig = await CliRig.create({
      'recipe.yaml': `steps:
  use: { run: "echo $TOKEN; echo $TOKEN >&2; echo ok > $OUT_x", outputs: { x: x.txt }, env: { TOKEN: { secret: HUB } } }
`,
    });
    rig.env['STOCKPOT_SECRET_HUB'] = 'canary-5de1';
    const { out, exit } = await rig.recipe('run');
    expect(exit).toBe(0);
    expect(out).toContain('| ***');
    expect(out).not.toContain('canary');
    const { execa } = await import('execa');
    const found = await execa('grep', ['-rl', 'canary', '.stockpot'], { cwd: rig.dir, reject: false });
    expect(found.stdout).toBe('');
  });

  test('a value of a parameter never becomes shell', async () => {
    await using rig = await CliRig.create({
      'recipe.yaml': `params: { word: "$(touch pwned); \`touch pwned\`; x" }
steps:
  say: { run: "echo {{ params.word }} > $OUT_x", outputs: { x: x.txt } }
`,
    });
    await rig.run();
    await rig.recipe('artifacts', 'get', ':say.x', 'said.txt');
    expect(await rig.read('said.txt')).toBe('$(touch pwned); `touch pwned`; x\n');
    expect(existsSync(join(rig.dir, 'pwned'))).toBe(false);
  });
});

describe('Ctrl-C', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)(
    '%s stops the step and its children, and exits 130',
    async (signal) => {
      await using rig = await CliRig.create({
        'recipe.yaml': `steps:
  first: { run: "echo 1 > $OUT_x", outputs: { x: x.txt } }
  slow: { run: "echo $$ > $PIDS/pid; sleep 1000 & wait", inputs: { x: first.x }, env: { PIDS: "{{ params.dir }}" } }
  after: { run: "true", inputs: { x: first.x }, outputs: {} , env: { N: "1" } }
params: { dir: none }
`,
      });
      const { exit, out } = await rig.interrupt(
        /"step":"slow".*"step.started"|"step.started".*"step":"slow"/,
        signal,
        '-j',
        '1',
        '-S',
        `params.dir=${rig.dir}`,
      );
      expect(exit).toBe(130);
      const last = JSON.parse(out.trimEnd().split('\n').at(-1) ?? '') as { type: string; outcome: string };
      expect(last).toMatchObject({ type: 'run.finished', outcome: 'cancelled' });
      const group = Number(await rig.read('pid').catch(() => '0'));
      if (group > 0) expect(livingMembers(group)).toEqual([]);
      expect(await rig.run('--until', 'first')).toEqual({ first: 'cached' });
    },
  );
});

describe('wrong command lines', () => {
  test.each([
    [['run', '--frob'], 'There is no option --frob'],
    [['run', '--jsno'], 'did you mean --json?'],
    [['frob'], 'There is no command frob'],
    [['run', '-j', 'x'], '--jobs x is not a whole number'],
    [['explain'], 'recipe explain needs ADDRESS'],
    [['run', 'nothing-here'], 'There is no recipe nothing-here'],
  ])('%j', async (args, message) => {
    await using rig = await CliRig.create({ 'recipe.yaml': 'steps: { a: { run: [echo, hi] } }\n' });
    const { exit, err } = await rig.recipe(...args);
    expect(exit).toBe(2);
    expect(err).toContain(message);
  });
});
