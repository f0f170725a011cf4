import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Plan } from '../../src/core/plan.ts';
import type { RecipeError } from '../../src/core/recipe-error.ts';
import { resolveRecipe } from '../../src/recipe/resolve-recipe.ts';

const ROOT = join(import.meta.dirname, '../..');

function planOf(
  files: Readonly<Record<string, string>> | string,
  options: { set?: string[]; profile?: string } = {},
): Plan {
  const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
  try {
    const all = typeof files === 'string' ? { 'recipe.yaml': files } : files;
    for (const [path, text] of Object.entries(all)) {
      mkdirSync(dirname(join(dir, path)), { recursive: true });
      writeFileSync(join(dir, path), text);
    }
    return resolveRecipe({
      projectDir: dir,
      file: 'recipe.yaml',
      name: 'test',
      set: options.set ?? [],
      profile: options.profile,
      shippedDir: join(ROOT, 'steps'),
      templatesDir: join(ROOT, 'recipes/templates'),
      describe: () => ({ files: [], problem: 'modules are not loaded here' }),
    }).plan;
  } finally {
    rmSync(dir, { recursive: true });
  }
}

function errorOf(
  files: Readonly<Record<string, string>> | string,
  options: { set?: string[]; profile?: string } = {},
): string {
  try {
    planOf(files, options);
  } catch (error) {
    const { code, at } = error as RecipeError;
    return at === undefined ? code : `${code} ${at.file}:${at.line}:${at.column}`;
  }
  return 'no error';
}

describe('values', () => {
  test('a sole expression keeps its type; glued to text it is written as in the source', () => {
    const plan = planOf(`params: { n: 0.10, list: [1, 2], on: true }
steps:
  a: { run: [x, "{{ params.n }}", "n={{ params.n }}", "{{ params.list }}", true, 0.10] }
  b: { when: "{{ params.on }}", run: [x] }
`);
    expect(plan.steps[0]?.action).toEqual({
      kind: 'argv',
      argv: ['x', '0.10', 'n=0.10', '1', '2', 'true', '0.10'],
    });
    expect(plan.steps[1]?.when).toBe(true);
  });

  test('MLflow’s own lines are read: unquoted braces, default, from_json', () => {
    const plan = planOf({
      'recipe.yaml': `recipe: "regression/v1"
target_col: y
steps:
  ingest: { location: {{DATA}} }
  split: { split_ratios: {{SPLIT_RATIOS|default([0.75, 0.125, 0.125])}} }
  train: {{ "train.json" | from_json }}
  register: { model_name: m, description: "v#1" }
`,
      'train.json': '{ "max_iterations": 7 }',
      'profiles/local.yaml': 'DATA: ./data.csv\n',
    });
    const [ingest, split] = plan.steps;
    expect(ingest?.inputs['source']).toMatchObject({ kind: 'path', path: 'data.csv' });
    expect(split?.config['split_ratios']).toEqual([0.75, 0.125, 0.125]);
    expect(plan.steps.find(({ id }) => id === 'train')?.config['max_iterations']).toBe(7);
  });

  test('a literal brace pair', () => {
    const plan = planOf(`steps: { a: { run: [x, "{{ '{{' }} y }}"] } }\n`);
    expect(plan.steps[0]?.action).toEqual({ kind: 'argv', argv: ['x', '{{ y }}'] });
  });
});

describe('templates', () => {
  const base =
    'template: regression/v1\ntarget_col: y\nsteps:\n  ingest: { location: ./d.csv }\n  register: { model_name: m }\n';

  test('values refine, a new name adds, uses or run replaces', () => {
    const plan = planOf(`${base}  train: { learning_rate: 0.3 }
  split: { run: [x], outputs: { training: a.parquet, validation: b.parquet, test: c.parquet } }
  extra: { run: [x], inputs: { m: train.model } }
`);
    const step = (id: string): Plan['steps'][number] | undefined => plan.steps.find((one) => one.id === id);
    expect(step('train')?.config).toMatchObject({ learning_rate: 0.3, max_iterations: 100 });
    expect(step('split')?.action.kind).toBe('argv');
    expect(step('split')?.inputs).toMatchObject({ data: { kind: 'output', step: 'ingest', output: 'data' } });
    expect(step('extra')?.needs).toEqual(['train']);
    expect(step('evaluate')?.inputs['champion']).toMatchObject({
      kind: 'model',
      name: 'm',
      alias: 'champion',
    });
  });

  test('-S reaches parameters, profile values and keys', () => {
    const plan = planOf(`${base}  train: { max_iterations: {{ N }} }\n`, {
      set: ['N=5', 'steps.train.learning_rate=0.05', 'target_col=z'],
    });
    expect(plan.steps.find(({ id }) => id === 'train')?.config).toMatchObject({
      max_iterations: 5,
      learning_rate: 0.05,
    });
    expect(plan.recipeKeys).toMatchObject({ target_col: 'z' });
  });
});

describe('matrix', () => {
  test('axes multiply in order, cells join cell by cell, .* gathers them', () => {
    const plan = planOf(`steps:
  fit: { matrix: { lr: [0.1, 1], seed: [1, 2] }, run: [x, "{{ matrix.lr }}"], outputs: { m: m.txt } }
  test: { matrix: { seed: [1, 2], lr: [0.1, 1] }, run: [x], inputs: { m: fit.m } }
  best: { run: [x], inputs: { all: fit.*.m } }
`);
    expect(plan.steps.map(({ id }) => id)).toEqual([
      'fit@lr=0.1,seed=1',
      'fit@lr=0.1,seed=2',
      'fit@lr=1,seed=1',
      'fit@lr=1,seed=2',
      'test@seed=1,lr=0.1',
      'test@seed=1,lr=1',
      'test@seed=2,lr=0.1',
      'test@seed=2,lr=1',
      'best',
    ]);
    expect(plan.steps.find(({ id }) => id === 'test@seed=2,lr=1')?.needs).toEqual(['fit@lr=1,seed=2']);
  });
});

describe('ten thousand steps in a chain', () => {
  test('are put in order', () => {
    const steps = Array.from(
      { length: 3000 },
      (_, n) => `  s${n}: { run: [x], outputs: { o: o }${n === 0 ? '' : `, inputs: { i: s${n - 1}.o }`} }`,
    );
    expect(planOf(`steps:\n${steps.toReversed().join('\n')}\n`).steps.map(({ id }) => id)[2999]).toBe(
      's2999',
    );
  });
});

describe('what is wrong is said with its place', () => {
  test.each([
    ['', 'YAML_INVALID recipe.yaml:1:1'],
    ['steps: [\n', 'YAML_INVALID recipe.yaml:2:1'],
    ['steps:\n\ta: 1\n', 'YAML_INVALID recipe.yaml:2:1'],
    ['steps: { a: 1, a: 2 }\n', 'YAML_INVALID recipe.yaml:1:16'],
    ['a: 1\n---\nb: 2\n', 'YAML_INVALID recipe.yaml:2:1'],
    [`steps: ${'['.repeat(10_000)}`, 'YAML_INVALID recipe.yaml:1:72'],
    ['a: &a [1]\nsteps: *a\n', 'YAML_INVALID recipe.yaml:2:8'],
    ['steps: !!js/function "x"\n', 'YAML_INVALID recipe.yaml:1:8'],
    ['params: { n: 9007199254740993 }\nsteps: {}\n', 'YAML_INVALID recipe.yaml:1:14'],
    ['params: { n: .nan }\nsteps: {}\n', 'YAML_INVALID recipe.yaml:1:14'],
    ['params: { n: 1e400 }\nsteps: {}\n', 'YAML_INVALID recipe.yaml:1:14'],
    ['steps: { a: { run: [x], "\u0000": 1 } }\n', 'YAML_INVALID recipe.yaml:1:26'],
    ['stepz: {}\nsteps: {}\n', 'KEY_UNKNOWN recipe.yaml:1:1'],
    ['__proto__: {}\nsteps: {}\n', 'KEY_UNKNOWN recipe.yaml:1:1'],
    ['steps: { a: { runn: x } }\n', 'KEY_UNKNOWN recipe.yaml:1:15'],
    ['steps: { a: { run: [x], runn: y } }\n', 'KEY_UNKNOWN recipe.yaml:1:25'],
    ['steps: { A: { run: [x] } }\n', 'VALUE_INVALID recipe.yaml:1:10'],
    ['steps: { a: { run: [x], timeout: soon } }\n', 'VALUE_INVALID recipe.yaml:1:34'],
    ['steps: { a: { run: [x], inputs: { i: b.o } } }\n', 'INPUT_STEP_UNKNOWN recipe.yaml:1:38'],
    ['steps: { a: { run: [x], inputs: { i: a.o }, outputs: { o: o } } }\n', 'STEP_CYCLE recipe.yaml:1:10'],
    ['steps: { a: { run: [x], inputs: { i: ./../x } } }\n', 'PATH_UNSAFE recipe.yaml:1:38'],
    ['steps: { a: { run: [x], outputs: { o: /etc/passwd } } }\n', 'PATH_UNSAFE recipe.yaml:1:39'],
    ['steps: { a: { run: [x], outputs: { o: a, p: a/b } } }\n', 'VALUE_INVALID recipe.yaml:1:45'],
    ['steps: { a: { run: [x], inputs: { a-b: ./x, a_b: ./y } } }\n', 'NAME_CLASH recipe.yaml:1:10'],
    ['steps: { a: { run: [x], outputs: { a-b: x, a_b: y } } }\n', 'NAME_CLASH recipe.yaml:1:10'],
    ['steps: { a: { run: [x], caches: [a-b, a_b] } }\n', 'NAME_CLASH recipe.yaml:1:39'],
    [
      'params: { c: [a-b, a_b] }\nsteps: { a: { run: [x], caches: "{{ params.c }}" } }\n',
      'NAME_CLASH recipe.yaml:2:33',
    ],
    ['steps: { a: { run: [x], caches: [hf], env: { CACHE_hf: x } } }\n', 'NAME_CLASH recipe.yaml:1:46'],
    ['steps: { a: { run: [x], env: { CACHE_hf: x }, caches: [hf] } }\n', 'NAME_CLASH recipe.yaml:1:32'],
    ['steps: { a: { run: [x], caches: [hf], pass_env: CACHE_hf } }\n', 'NAME_CLASH recipe.yaml:1:49'],
    ['steps: { a: { run: [x], checkpoint: true, env: { CHECKPOINT: x } } }\n', 'NAME_CLASH recipe.yaml:1:50'],
    [
      'steps: { a: { run: [x], checkpoint: true, pass_env: [A, CHECKPOINT] } }\n',
      'NAME_CLASH recipe.yaml:1:57',
    ],
    ['steps: { a: { run: [x], pass_env: [A, B], env: { B: x } } }\n', 'NAME_CLASH recipe.yaml:1:50'],
    ['steps: { a: { run: [x], pass_env: [B], env: { B: { secret: S } } } }\n', 'NAME_CLASH recipe.yaml:1:47'],
    ['steps: { a: { run: [x], inputs: { i: ./x }, pass_env: [IN_i] } }\n', 'NAME_CLASH recipe.yaml:1:56'],
    ['steps: { a: { run: [x], outputs: { o-p: x }, pass_env: [OUT_o_p] } }\n', 'NAME_CLASH recipe.yaml:1:57'],
    ['steps: { a: { run: [x], pass_env: [STOCKPOT_SEED] } }\n', 'NAME_CLASH recipe.yaml:1:36'],
    [
      'steps: { a: { run: [x], resources: { gpus: 1 }, env: { CUDA_VISIBLE_DEVICES: 0 } } }\n',
      'NAME_CLASH recipe.yaml:1:56',
    ],
    ['steps: { a: { run: [x], resources: { gpus: -1 } } }\n', 'VALUE_INVALID recipe.yaml:1:44'],
    ['steps: { a: { run: [x], resources: { gpus: 1.5 } } }\n', 'VALUE_INVALID recipe.yaml:1:44'],
    ['steps: { a: { run: [x], resources: { gpus: 2000 } } }\n', 'VALUE_INVALID recipe.yaml:1:44'],
    ['steps: { a: { run: [x], resources: { gpus: all } } }\n', 'VALUE_INVALID recipe.yaml:1:44'],
    ['steps: { a: { run: [x], pass_env: [TMPDIR] } }\n', 'NAME_CLASH recipe.yaml:1:36'],
    [
      'params: { p: 1 }\nsteps: { a: { run: "x {{ params.p }}", pass_env: [STOCKPOT_0] } }\n',
      'NAME_CLASH recipe.yaml:2:51',
    ],
    ['steps: { a: { run: [x], mlflow: true, env: { MLFLOW_RUN_ID: x } } }\n', 'NAME_CLASH recipe.yaml:1:46'],
    ['steps: { a: { run: [x], mlflow: true, pass_env: [STOCKPOT_TOKEN] } }\n', 'NAME_CLASH recipe.yaml:1:50'],
    ['steps: { a: { run: [x, "{{ constructor.constructor }}"] } }\n', 'NAME_UNKNOWN recipe.yaml:1:25'],
    ['steps: { a: { run: [x, "{{ x() }}"] } }\n', 'EXPRESSION_INVALID recipe.yaml:1:29'],
    ['steps: { a: { run: [x, "{{ params.a | upper }}"] } }\n', 'EXPRESSION_INVALID recipe.yaml:1:39'],
    ['params: { w: 1 }\nsteps:\n  a:\n    run: echo "{{ params.w }}"\n', 'SHELL_QUOTING recipe.yaml:4:16'],
    ['params: { w: 1 }\nsteps:\n  a:\n    run: echo x{{ params.w }}\n', 'SHELL_QUOTING recipe.yaml:4:16'],
    [
      'params: { a: "{{ params.b }}", b: "{{ params.a }}" }\nsteps: { s: { run: [x, "{{ params.a }}"] } }\n',
      'VALUE_INVALID recipe.yaml:1:14',
    ],
    ['steps: { a: { matrix: { s: [] }, run: [x] } }\n', 'MATRIX_INVALID recipe.yaml:1:28'],
    ['steps: { a: { matrix: { s: 3 }, run: [x] } }\n', 'MATRIX_INVALID recipe.yaml:1:28'],
    ['steps: { a: { uses: nope } }\n', 'COMPONENT_NOT_FOUND recipe.yaml:1:21'],
    ['steps: { a: { uses: ./steps/nope.ts } }\n', 'COMPONENT_NOT_FOUND recipe.yaml:1:21'],
    ['template: clasification/v1\nsteps: {}\n', 'TEMPLATE_NOT_FOUND recipe.yaml:1:11'],
    ['steps: { a: { run: [x], checkpoint: 1 } }\n', 'VALUE_INVALID recipe.yaml:1:37'],
    ['steps: { a: { run: [x], checkpoint: { every: 5ms } } }\n', 'VALUE_INVALID recipe.yaml:1:46'],
    ['steps: { a: { run: [x], checkpoint: { evry: 5m } } }\n', 'KEY_UNKNOWN recipe.yaml:1:39'],
    ['steps: { a: { run: [x], queue: a b } }\n', 'VALUE_INVALID recipe.yaml:1:32'],
    ['steps: { a: { run: [x, "{{ checkpoint }}"] } }\n', 'NAME_UNKNOWN recipe.yaml:1:25'],
    ['steps: { a: { run: [x], caches: [../x] } }\n', 'VALUE_INVALID recipe.yaml:1:33'],
    ['steps: { a: { run: [x, "{{ caches.b }}"], caches: [a] } }\n', 'NAME_UNKNOWN recipe.yaml:1:25'],
    ['model_registry: {}\nsteps: {}\n', 'NOT_IN_THIS_VERSION recipe.yaml:1:1'],
    [
      'steps: { a: { uses: split, inputs: { data: ./x }, with: { using: tme } } }\n',
      'VALUE_INVALID recipe.yaml:1:66',
    ],
    [
      'steps: { a: { uses: split, inputs: { data: ./x }, with: { colunm: t } } }\n',
      'KEY_UNKNOWN recipe.yaml:1:59',
    ],
  ])('%j', (text, expected) => {
    expect(errorOf(text)).toBe(expected);
  });

  test('two variables of one name: what they are, and what to do', () => {
    const said = (text: string): string => {
      try {
        return JSON.stringify(planOf(text).steps[0]?.env);
      } catch (error) {
        const { message, hint } = error as RecipeError;
        return `${message}. ${hint}`;
      }
    };
    expect(said('steps: { a: { run: [x], caches: [a-b, a_b] } }\n')).toBe(
      'caches: a-b and caches: a_b would both be the variable CACHE_a_b. Rename caches: a-b or caches: a_b, or leave one out.',
    );
    expect(said('steps: { a: { run: [x], inputs: { a-b: ./x, a_b: ./y } } }\n')).toBe(
      'inputs.a-b and inputs.a_b would both be the variable IN_a_b. Rename inputs.a-b or inputs.a_b, or leave one out.',
    );
    expect(said('steps: { a: { run: [x], mlflow: true, env: { MLFLOW_RUN_ID: x } } }\n')).toBe(
      'mlflow and env.MLFLOW_RUN_ID would both be the variable MLFLOW_RUN_ID. Rename env.MLFLOW_RUN_ID, or leave it out.',
    );
    expect(said('steps: { a: { run: [x], pass_env: [HOME] } }\n')).toBe(
      'HOME of every step and pass_env: HOME would both be the variable HOME. Rename pass_env: HOME, or leave it out.',
    );
  });

  test('names that are one variable only in another step, or twice the same, are none', () => {
    expect(
      errorOf(`steps:
  a: { run: [x], env: { CHECKPOINT: x, CACHE_hf: x, MLFLOW_RUN_ID: x, HOME: x, TZ: x }, pass_env: [A, A, PATH, IN_x] }
  b: { run: [x], checkpoint: true, caches: [hf, hf], mlflow: true, env: { MLFLOW_TRACKING_INSECURE_TLS: 'true' } }
`),
    ).toBe('no error');
  });

  test('in profiles', () => {
    const recipe = 'steps: { a: { run: [x] } }\n';
    expect(errorOf({ 'recipe.yaml': recipe }, { profile: 'nope' })).toBe('PROFILE_NOT_FOUND');
    expect(errorOf({ 'recipe.yaml': recipe, 'profiles/local.yaml': 'exectuor: local\n' })).toBe(
      'KEY_UNKNOWN profiles/local.yaml:1:1',
    );
    expect(errorOf({ 'recipe.yaml': recipe, 'profiles/local.yaml': 'executor: cloud\n' })).toBe(
      'VALUE_INVALID profiles/local.yaml:1:11',
    );
    expect(
      errorOf({ 'recipe.yaml': recipe, 'profiles/local.yaml': 'redis: { url: "redis://:secret@h" }\n' }),
    ).toBe('PASSWORD_IN_PROFILE profiles/local.yaml:1:15');
    for (const gpus of ['two', '-1', '1.5', '1000000000', '{ a: 1 }'])
      expect(errorOf({ 'recipe.yaml': recipe, 'profiles/local.yaml': `gpus: ${gpus}\n` })).toBe(
        'VALUE_INVALID profiles/local.yaml:1:7',
      );
    for (const gpu of ['-1', 'GPU', '"0,1"', '""', '7', '[8]'])
      expect(errorOf({ 'recipe.yaml': recipe, 'profiles/local.yaml': `gpus: [7, ${gpu}]\n` })).toBe(
        'VALUE_INVALID profiles/local.yaml:1:11',
      );
    expect(
      errorOf(
        { 'recipe.yaml': recipe, 'profiles/a.yaml': 'extends: b\n', 'profiles/b.yaml': 'extends: a\n' },
        { profile: 'a' },
      ),
    ).toBe('VALUE_INVALID profiles/b.yaml:1:10');
  });

  test('in --set', () => {
    const recipe = 'steps: { a: { run: [x] } }\n';
    for (const argument of ['nothing', '=x', 'steps.b.timeout=1s', 'stepz.a.timeout=1s'])
      expect(errorOf(recipe, { set: [argument] })).toBe('SET_INVALID');
  });
});
