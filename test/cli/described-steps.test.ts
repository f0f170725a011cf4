import { expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';

const COUNT = `
import { readFileSync, writeFileSync } from 'node:fs';
import { defineStep, Type } from 'stockpot/steps';
import { NAMES } from './names.ts';
export const step = defineStep({
  title: 'Count lines',
  config: Type.Object({ least: Type.Integer({ default: 2 }) }, { additionalProperties: false }),
  inputs: { data: {} },
  outputs: { [NAMES.output]: { path: 'count.json', kind: 'value' } },
  run: ({ config, inputs, outputs }) =>
    writeFileSync(outputs[NAMES.output], String(Math.max(config.least, readFileSync(inputs.data, 'utf8').split('\\n').length))),
});
`;

const FILES = {
  'data.csv': 'a\n1\n2\n',
  'steps/count.ts': COUNT,
  'steps/names.ts': "export const NAMES = { output: 'count' } as const;\n",
  'recipe.yaml': `steps:
  count:
    uses: ./steps/count.ts
    inputs: { data: ./data.csv }
  shown:
    run: cat "$IN_count" > "$OUT_text"
    inputs: { count: count.count }
    outputs: { text: shown.txt }
`,
};

test('a step in a single TypeScript file is what its defineStep says', async () => {
  await using rig = await CliRig.create(FILES);
  expect(await rig.run()).toEqual({ count: 'succeeded', shown: 'succeeded' });
  expect(await rig.run()).toEqual({ count: 'cached', shown: 'cached' });
});

test('its configuration is checked when the plan is made, and defaults are filled in', async () => {
  await using rig = await CliRig.create({
    ...FILES,
    'recipe.yaml': FILES['recipe.yaml'].replace(
      '    inputs: { data',
      '    with: { last: 3 }\n    inputs: { data',
    ),
  });
  const { exit, err } = await rig.recipe('validate', '--json');
  expect(exit).toBe(2);
  expect(JSON.parse(err)).toMatchObject({
    code: 'KEY_UNKNOWN',
    message: 'The step count has no key last',
    at: { file: 'recipe.yaml', line: 4 },
  });
  await rig.write('recipe.yaml', FILES['recipe.yaml']);
  const { out } = await rig.recipe('validate', '--show');
  expect(out).toContain('least: 2');
});

test('a change in a file that the definition imports is seen', async () => {
  await using rig = await CliRig.create(FILES);
  expect(await rig.run()).toEqual({ count: 'succeeded', shown: 'succeeded' });
  await rig.write('steps/names.ts', "export const NAMES = { output: 'lines' } as const;\n");
  const { exit, err } = await rig.recipe('run', '--json');
  expect(exit).toBe(2);
  expect(JSON.parse(err)).toMatchObject({ at: { file: 'recipe.yaml', line: 7 } });
  expect(err).toContain('count.count');
});

test('a folder with a run.ts is a component', async () => {
  await using rig = await CliRig.create({
    'data.csv': FILES['data.csv'],
    'steps/count/run.ts': COUNT,
    'steps/count/names.ts': FILES['steps/names.ts'],
    'recipe.yaml': FILES['recipe.yaml'].replace('./steps/count.ts', './steps/count'),
  });
  expect(await rig.run()).toEqual({ count: 'succeeded', shown: 'succeeded' });
});

test.each([
  ['no step', 'export const other = 1;\n', 'does not export a step'],
  ['a broken line', 'export const step = defineStep({;\n', 'SyntaxError'],
  ['a module that throws', "throw new TypeError('no table');\n", 'TypeError: no table'],
  ['an import of nothing', "import './nowhere.ts';\n", 'ERR_MODULE_NOT_FOUND'],
  ['a definition with a wrong kind', COUNT.replace("kind: 'value'", "kind: 'number'"), '/outputs/count/kind'],
])('%s is an error at `uses:`', async (_, text, problem) => {
  await using rig = await CliRig.create({ ...FILES, 'steps/count.ts': text });
  const { exit, err } = await rig.recipe('run', '--json');
  const error = JSON.parse(err) as { message: string };
  expect(exit).toBe(2);
  expect(error).toMatchObject({ code: 'COMPONENT_INVALID' });
  expect(error.message).toContain(problem);
  expect(error.message).not.toContain('\n');
});
