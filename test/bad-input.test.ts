import { execFileSync } from 'node:child_process';
import { cpSync, globSync, readdirSync, readFileSync, rmSync, symlinkSync, truncateSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CliRig, type Outcome } from './rigs/cli-rig.ts';
import { inProcess } from './rigs/in-process.ts';

/**
 * Each folder in `bad-input/` is a project with something wrong in it; its `expect.json` says the code and
 * the place of the error, and what else stands on the command line.
 */
const FIXTURES = join(import.meta.dirname, 'bad-input');
const CASES = globSync('*/expect.json', { cwd: FIXTURES })
  .map((path) => basename(dirname(path)))
  .toSorted();

interface Expected {
  readonly code: string;
  /** `recipe.yaml:1:16`; absent where no file is at fault. */
  readonly at?: string;
  readonly args?: readonly string[];
}

/** The one error that a command ended with: `CODE file:line:column`. */
function errorOf({ exit, out, err }: Outcome): string {
  expect(out).toBe('');
  const lines = err.split('\n').filter((line) => line !== '');
  expect(lines).toHaveLength(1);
  const error = JSON.parse(lines[0] ?? '') as { code: string; at?: Place; message: string; stack?: string };
  expect(error).not.toHaveProperty('stack');
  expect(error.message.length).toBeLessThan(2000);
  expect(exit).toBe(2);
  const { code, at } = error;
  return at === undefined ? code : `${code} ${at.file}:${at.line}:${at.column}`;
}

interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

function filesOf(dir: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' }).toSorted();
}

async function rigOf(name: string): Promise<CliRig> {
  const rig = await CliRig.create();
  // What the program compiles is kept apart from the project.
  rig.env['XDG_CACHE_HOME'] = join(import.meta.dirname, '../node_modules/.cache');
  if (name !== '') cpSync(join(FIXTURES, name), rig.dir, { recursive: true });
  rmSync(join(rig.dir, 'expect.json'), { force: true });
  return rig;
}

describe('bad input ends in a typed error with its place, and nothing is written', () => {
  test.each(CASES)('%s', async (name) => {
    const {
      code,
      at,
      args = [],
    } = JSON.parse(readFileSync(join(FIXTURES, name, 'expect.json'), 'utf8')) as Expected;
    await using rig = await rigOf(name);
    const before = filesOf(rig.dir);
    // So many processes would take a minute; the next test starts some.
    const outcome = await inProcess(rig.dir, 'validate', '--json', ...args);
    expect(errorOf(outcome)).toBe(at === undefined ? code : `${code} ${at}`);
    expect(filesOf(rig.dir)).toEqual(before);
  });

  test('`run` says the same as `validate`', async () => {
    for (const name of ['dag-missing-input', 'dag-self', 'expression-doubles-text', 'shell-arithmetic']) {
      await using rig = await rigOf(name);
      const before = filesOf(rig.dir);
      const validated = errorOf(await rig.recipe('validate', '--json'));
      expect(errorOf(await rig.recipe('run', '--json'))).toBe(validated);
      expect(filesOf(rig.dir)).toEqual(before);
    }
  });
});

/** What is too large for a fixture. */
const GENERATED: readonly (readonly [name: string, expected: string, text: () => string])[] = [
  ['more than 16 MiB', 'FILE_TOO_LARGE recipe.yaml:1:1', () => '#'.repeat((16 << 20) + 1)],
  ['16 MiB of text', 'YAML_INVALID recipe.yaml:1:1', () => '#'.repeat(16 << 20)],
  ['brackets', 'YAML_INVALID recipe.yaml:1:72', () => `steps: ${'['.repeat(100_000)}`],
  ['braces', 'YAML_INVALID recipe.yaml:1:129', () => '{'.repeat(400_000)],
  ['braces in quotes', 'YAML_INVALID recipe.yaml:1:133', () => `a: "${'{{'.repeat(400_000)}"`],
  ['braces on many lines', 'YAML_INVALID recipe.yaml:65:1', () => '{a:\n'.repeat(10_000)],
  ['a dash in a dash', 'YAML_INVALID', () => '- '.repeat(100_000)],
  [
    'maps in maps',
    'YAML_INVALID',
    () => Array.from({ length: 3000 }, (_, n) => `${' '.repeat(n)}a:`).join('\n'),
  ],
  [
    'lists in an expression',
    'EXPRESSION_INVALID recipe.yaml:1:103',
    () => `steps: { a: { run: [x], with: { a: {{ ${'['.repeat(9000)}${']'.repeat(9000)} }} } } }\n`,
  ],
  ['a cycle of 10,000 steps', 'STEP_CYCLE recipe.yaml:2:3', () => chain((n) => `s${(n + 9_999) % 10_000}.o`)],
  [
    'the last of 10,000 steps',
    'INPUT_STEP_UNKNOWN recipe.yaml:10001:54',
    () => chain((n) => (n === 9_999 ? 'x.o' : '')),
  ],
  [
    'a long word that is nearly another',
    'NAME_UNKNOWN recipe.yaml:2:25',
    () =>
      `params: { ${'p'.repeat(60_000)}: 1 }\nsteps: { a: { run: [x, "{{ params.${'q'.repeat(60_000)} }}"] } }\n`,
  ],
  [
    'a chain of 5,000 values',
    'VALUE_INVALID recipe.yaml:4938:10',
    () =>
      `params:\n  a0: x\n${Array.from({ length: 5000 }, (_, n) => `  a${n + 1}: "{{ params.a${n} }}"`).join('\n')}\nsteps: { s: { run: [echo, "{{ params.a5000 }}"] } }\n`,
  ],
  [
    'a value in every one of a thousand cells',
    'EXPRESSION_INVALID recipe.yaml:3:362',
    () =>
      `params: { big: "${'x'.repeat(100_000)}" }\nsteps:\n  a: { matrix: { x: ${JSON.stringify(Array.from({ length: 9 }, (_, n) => n))}, y: ${JSON.stringify(Array.from({ length: 100 }, (_, n) => n))} }, run: [x], with: { k: "{{ params.big }}" } }\n`,
  ],
  [
    'an argument of 200 KB',
    'VALUE_INVALID recipe.yaml:1:27',
    () => `steps: { a: { run: [echo, ${'x'.repeat(200_000)}] } }\n`,
  ],
  [
    'a script of 200 KB',
    'VALUE_INVALID recipe.yaml:1:20',
    () => `steps: { a: { run: "echo ${'x'.repeat(200_000)}" } }\n`,
  ],
];

function chain(input: (n: number) => string): string {
  return `steps:\n${Array.from({ length: 10_000 }, (_, n) => `  s${n}: { run: [x], outputs: { o: o }, inputs: { ${input(n) === '' ? '' : `i: ${input(n)}`} } }`).join('\n')}\n`;
}

describe('so does input without measure', () => {
  test.each(GENERATED)('%s', async (_, expected, text) => {
    await using rig = await rigOf('');
    await rig.write('recipe.yaml', text());
    expect(errorOf(await rig.recipe('validate', '--json'))).toMatch(new RegExp(`^${expected}(?: |$)`));
    expect(filesOf(rig.dir)).toEqual(['recipe.yaml']);
  });

  test('300,000 keys are compared in less than their square', async () => {
    await using rig = await rigOf('');
    await rig.write('recipe.yaml', Array.from({ length: 300_000 }, (_, n) => `k${n}: 1`).join('\n'));
    expect(errorOf(await rig.recipe('validate', '--json'))).toMatch(
      /^(?:KEY_UNKNOWN|KEY_MISSING) recipe\.yaml:1:1/,
    );
  });
});

describe('files that are none', () => {
  const OK = 'steps: { a: { run: [x], with: { k: {{ "k.json" | from_json }} } } }\n';

  test.each(['recipe.yaml', 'profiles/local.yaml', 'k.json'])(
    '%s as a pipe is not waited for',
    async (path) => {
      await using rig = await rigOf('');
      await rig.write('recipe.yaml', OK);
      await rig.write(path, '');
      rmSync(join(rig.dir, path));
      execFileSync('mkfifo', [join(rig.dir, path)]);
      const found = errorOf(await rig.recipe('validate', '--json', './recipe.yaml'));
      expect(found).toBe(path === 'k.json' ? 'VALUE_INVALID recipe.yaml:1:36' : `YAML_INVALID ${path}:1:1`);
    },
  );

  test('a folder, a loop of links, a terabyte of nothing', async () => {
    await using rig = await rigOf('');
    await rig.write('recipe.yaml/x', '');
    expect(errorOf(await rig.recipe('validate', '--json'))).toBe('YAML_INVALID recipe.yaml:1:1');
    rmSync(join(rig.dir, 'recipe.yaml'), { recursive: true });
    await rig.write('recipe.yaml', '');
    truncateSync(join(rig.dir, 'recipe.yaml'), 2 ** 40);
    expect(errorOf(await rig.recipe('validate', '--json'))).toBe('FILE_TOO_LARGE recipe.yaml:1:1');
    rmSync(join(rig.dir, 'recipe.yaml'));
    await rig.write('recipe.yaml', OK);
    symlinkSync('k.json', join(rig.dir, 'k.json'));
    expect(errorOf(await rig.recipe('validate', '--json'))).toBe('VALUE_INVALID recipe.yaml:1:36');
  });
});

describe('names that a language has for itself are names like any other where names are free', () => {
  test('for steps, outputs, inputs, parameters, configuration and axes', async () => {
    await using rig = await rigOf('');
    await rig.write(
      'recipe.yaml',
      `params: { __proto__: a, constructor: b, prototype: c }
steps:
  constructor:
    run: [sh, -c, 'printf "%s" "$1$2$3" > "$OUT_prototype"', sh, "{{ params.__proto__ }}", "{{ params.constructor }}", "{{ params.prototype }}"]
    outputs: { prototype: constructor }
  prototype:
    matrix: { constructor: [1] }
    run: [sh, -c, 'cp "$IN_constructor" "$OUT_o"']
    with: { __proto__: { a: 1 }, constructor: 2 }
    inputs: { constructor: constructor.prototype }
    outputs: { o: o }
`,
    );
    expect(await rig.run()).toEqual({ constructor: 'succeeded', 'prototype@constructor=1': 'succeeded' });
    const { out } = await rig.recipe('validate', '--json');
    const [, second] = (JSON.parse(out) as { plan: { steps: { config: object }[] } }).plan.steps;
    expect(Object.entries(second?.config ?? {})).toEqual([
      ['__proto__', { a: 1 }],
      ['constructor', 2],
    ]);
    await rig.recipe('artifacts', 'get', ':prototype@constructor=1.o', 'copy');
    expect(await rig.read('copy')).toBe('abc');
  });
});

describe('a value that is hostile stays a value', () => {
  test.each([
    '"; touch pwned; "',
    '$(touch pwned)',
    '`touch pwned`',
    'a[$(touch pwned)]',
    '\ntouch pwned\n',
    '-rf',
    '--',
    "' ; touch pwned ; '",
  ])('%j', async (value) => {
    await using rig = await rigOf('');
    await rig.write(
      'recipe.yaml',
      `params: { w: x }
steps:
  list: { run: [sh, -c, 'printf "%s" "$1" > "$OUT_o"', sh, "{{ params.w }}"], outputs: { o: o } }
  text: { run: "printf '%s' {{ params.w }} > $OUT_o; test {{ params.w }} != x", outputs: { o: o } }
`,
    );
    const set = ['-S', `params.w=${JSON.stringify(value)}`];
    expect(await rig.run(...set)).toEqual({ list: 'succeeded', text: 'succeeded' });
    for (const step of ['list', 'text']) {
      await rig.recipe('artifacts', 'get', `:${step}.o`, step, ...set);
      expect(await rig.read(step)).toBe(value);
    }
    expect(globSync('**/pwned', { cwd: rig.dir })).toEqual([]);
  });
});
