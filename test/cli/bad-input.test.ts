import { readdirSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CliRig, type Outcome } from '../rigs/cli-rig.ts';
import { inProcess } from '../rigs/in-process.ts';

const CORPUS = join(import.meta.dirname, '../bad-input');
const STEP = 'steps:\n  a: { run: [x] }\n';
const many = (count: number, line: (n: number) => string): string =>
  Array.from({ length: count }, (_, n) => line(n)).join('');

/** A command that fails says one thing: which error, where; and leaves the folder as it was. */
async function refusal(rig: CliRig, command = 'validate'): Promise<string> {
  const before = await readdir(rig.dir, { recursive: true });
  const outcome = await inProcess(rig.dir, command, '--json');
  expect(await readdir(rig.dir, { recursive: true })).toEqual(before);
  return said(outcome);
}

function said({ exit, err, out }: Outcome): string {
  expect({ exit, out }).toEqual({ exit: 2, out: '' });
  const { code, at } = JSON.parse(err) as { code: string; at?: { line: number; column: number } };
  expect(err).not.toMatch(/\n {4}at /);
  return at === undefined ? code : `${code} ${at.line}:${at.column}`;
}

describe('a recipe that is wrong gets one error at its place, and nothing is written', () => {
  const files = readdirSync(CORPUS).filter((name) => name.endsWith('.yaml'));

  test.each(files)('%s', async (name) => {
    const text = readFileSync(join(CORPUS, name), 'utf8');
    await using rig = await CliRig.create({ 'recipe.yaml': text });
    expect(await refusal(rig)).toBe(/^# (\S+ \d+:\d+)/.exec(text)?.[1]);
  });

  test.each<[string, string | Uint8Array, string]>([
    [
      'bytes that are no UTF-8',
      Buffer.from(`${STEP}  b: { run: ["\xff"] }\n`, 'latin1'),
      'YAML_INVALID 3:15',
    ],
    ['UTF-16', Buffer.from(`\ufeff${STEP}`, 'utf16le'), 'YAML_INVALID 1:1'],
    ['a NUL', 'steps:\n  a: { run: [x\0] }\n', 'YAML_INVALID 2:15'],
    ['17 MiB', `# ${'x'.repeat(17 << 20)}\n`, 'FILE_TOO_LARGE 1:1'],
    ['10,000 brackets', `steps: ${'['.repeat(10_000)}\n`, 'YAML_INVALID 1:72'],
    ['200 levels', many(200, (n) => `${' '.repeat(n)}a:\n`), 'YAML_INVALID 66:66'],
    [
      'a cycle of 10,000 steps',
      `steps:\n${many(10_000, (n) => `  a${n}: { run: [x], inputs: { i: a${(n + 1) % 10_000}.o }, outputs: { o: o } }\n`)}`,
      'STEP_CYCLE 2:3',
    ],
    ['10,000 errors', `steps:\n${many(10_000, (n) => `  a${n}: { runn: x }\n`)}`, 'KEY_UNKNOWN 2:9'],
    [
      '10,000 values one behind the other',
      `params:\n  p0: 1\n${many(9999, (n) => `  p${n + 1}: "{{ params.p${n} }}"\n`)}steps:\n  a: { run: ["{{ params.p9999 }}"] }\n`,
      'VALUE_INVALID 9937:10',
    ],
    [
      'a path of 5,000 characters',
      `steps:\n  a: { run: [x], inputs: { i: ./${'a'.repeat(5000)} } }\n`,
      'PATH_UNSAFE 2:31',
    ],
    [
      'a name of 40,000 characters',
      `steps:\n  a: { run: ["{{ ${'a.'.repeat(20_000)}b }}"] }\n`,
      'NAME_UNKNOWN 2:15',
    ],
    [
      '90,000 cells',
      `steps:\n  a: { run: [x], matrix: { a: [${many(300, (n) => `${n},`)}], b: [${many(300, (n) => `${n},`)}] } }\n`,
      'MATRIX_INVALID 2:26',
    ],
  ])('%s', async (_, bytes, expected) => {
    await using rig = await CliRig.create();
    await rig.write('recipe.yaml', bytes);
    expect(await refusal(rig)).toBe(expected);
  });
});

describe('so does what else a plan is made of', () => {
  const USES_PROFILE = { 'recipe.yaml': STEP };

  test.each<[string, Record<string, string>, string]>([
    ['a folder for a recipe', { 'recipe.yaml/x': '' }, 'YAML_INVALID 1:1'],
    [
      'a profile with an unknown setting',
      { ...USES_PROFILE, 'profiles/local.yaml': 'executer: local\n' },
      'KEY_UNKNOWN 1:1',
    ],
    [
      'a profile for a fleet',
      { ...USES_PROFILE, 'profiles/local.yaml': 'executor: fleet\n' },
      'NOT_IN_THIS_VERSION 1:11',
    ],
    [
      'a profile with a remote cache',
      { ...USES_PROFILE, 'profiles/local.yaml': 'cache: { remote: /mnt }\n' },
      'NOT_IN_THIS_VERSION 1:10',
    ],
    ...['tracking', 'model_registry', 'queues', 'schedule', 'notify', 'redis', 'server', 'database'].map(
      (key): [string, Record<string, string>, string] => [
        `a profile with ${key}`,
        { ...USES_PROFILE, 'profiles/local.yaml': `# later\n${key}: {}\n` },
        'NOT_IN_THIS_VERSION 2:1',
      ],
    ),
    [
      'a profile with a password',
      { ...USES_PROFILE, 'profiles/local.yaml': 'URL: https://me:secret@example.org\n' },
      'PASSWORD_IN_PROFILE 1:6',
    ],
    [
      'profiles that extend each other',
      { ...USES_PROFILE, 'profiles/local.yaml': 'extends: b\n', 'profiles/b.yaml': 'extends: local\n' },
      'VALUE_INVALID 1:10',
    ],
    [
      'a profile that extends nothing',
      { ...USES_PROFILE, 'profiles/local.yaml': 'extends: nothing\n' },
      'PROFILE_NOT_FOUND 1:10',
    ],
    [
      'a secret without a value',
      { 'recipe.yaml': 'steps:\n  a: { run: [x], env: { A: { secret: NOPE } } }\n' },
      'SECRET_NOT_FOUND 2:3',
    ],
    [
      'code that is not there',
      { 'recipe.yaml': 'steps:\n  a: { run: [x], code: [a.py] }\n' },
      'CODE_NOT_FOUND 2:3',
    ],
  ])('%s', async (_, files, expected) => {
    await using rig = await CliRig.create(files);
    expect(await refusal(rig)).toBe(expected);
    expect(await refusal(rig, 'run')).toBe(expected);
  });
});

describe('what looks odd and is not wrong is taken as it is', () => {
  test.each([
    ['a byte order mark', `\ufeff${STEP}`],
    ['carriage returns', STEP.replaceAll('\n', '\r\n')],
    [
      'names that objects have',
      'steps:\n  constructor: { run: [x], outputs: { constructor: o.txt } }\n  b: { run: [x], inputs: { i: constructor.constructor } }\n',
    ],
    [
      'words that YAML 1.1 took for truth',
      'params: { country: no }\nsteps:\n  a: { run: [x, "{{ params.country }}"] }\n',
    ],
    ['a line of 100,000 characters', `steps:\n  a: { run: ["${'x'.repeat(100_000)}"] }\n`],
    [
      'values as words of a script',
      'params: { x: a }\nsteps:\n  a:\n    run: |\n      if true; then echo {{ params.x }} | cat > {{ params.x }}; fi\n      for i in {{ params.x }} b; do test {{ params.x }} = a && printf %s {{ params.x }}; done\n      echo $(basename {{ params.x }}) # it is\n      case {{ params.x }} in a) ;; esac\n',
    ],
  ])('%s', async (_, text) => {
    await using rig = await CliRig.create({ 'recipe.yaml': text });
    expect(await inProcess(rig.dir, 'validate')).toMatchObject({ exit: 0, err: '' });
  });
});

test('the command itself says the same', async () => {
  await using rig = await CliRig.create({ 'recipe.yaml': 'steps:\n  a: { runn: [x] }\n' });
  const outcome = await rig.recipe('run', '--json');
  expect(said(outcome)).toBe('KEY_UNKNOWN 2:8');
  expect(await readdir(rig.dir)).not.toContain('.stockpot');
});

test('a value is data in every place that a script may put it', async () => {
  await using rig = await CliRig.create({
    'recipe.yaml': `params: { x: "a[$(touch pwned)]; touch pwned \`touch pwned\`" }
steps:
  a:
    run: |
      for i in {{ params.x }}; do echo "$i" >> "$OUT_o"; done
      case {{ params.x }} in nothing) ;; *) echo {{ params.x }} >> "$OUT_o";; esac
      echo $(printf %s {{ params.x }}) >> "$OUT_o"
      cat <(echo {{ params.x }}) >> "$OUT_o"
      ls | grep -c pwned >> "$OUT_o" || true
    outputs: { o: o.txt }
`,
  });
  expect(await rig.run()).toEqual({ a: 'succeeded' });
  const lines = (await rig.read(`.stockpot/latest/${rig.dir.split('/').at(-1)}/a/o.txt`))
    .trimEnd()
    .split('\n');
  expect(lines).toEqual([
    ...Array.from({ length: 4 }, () => 'a[$(touch pwned)]; touch pwned `touch pwned`'),
    '0',
  ]);
});
