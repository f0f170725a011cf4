import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';
import { inProcess } from '../rigs/in-process.ts';

const STEP = 'steps:\n  a: { run: [x] }\n';
const SCHEMAS = join(import.meta.dirname, '../../schema');

async function refused(files: Readonly<Record<string, string>>): Promise<string> {
  await using rig = await CliRig.create(files);
  const { exit, err } = await inProcess(rig.dir, 'validate', '--json');
  expect(exit).toBe(2);
  const { code, message, at } = JSON.parse(err) as {
    code: string;
    message: string;
    at: { file: string; line: number; column: number };
  };
  expect(message).toMatch(/ is not in this version of Stockpot$/);
  return `${code} ${at.file}:${at.line}:${at.column}`;
}

describe('what later versions bring is known, and is in one error with its place', () => {
  test.each([['an input in S3', 'inputs: { i: "s3://bucket/x" }', 31]])('%s', async (_, text, column) => {
    expect(await refused({ 'recipe.yaml': `steps:\n  a: { run: [x], ${text} }\n` })).toBe(
      `NOT_IN_THIS_VERSION recipe.yaml:2:${column}`,
    );
  });

  const settings = ['server'];

  test.each(settings)('the setting %s, in a profile and in a recipe', async (key) => {
    const setting = `# later\n${key}: { a: 1 }\n`;
    expect(await refused({ 'recipe.yaml': STEP, 'profiles/local.yaml': setting })).toBe(
      'NOT_IN_THIS_VERSION profiles/local.yaml:2:1',
    );
    expect(await refused({ 'recipe.yaml': setting + STEP })).toBe('NOT_IN_THIS_VERSION recipe.yaml:2:1');
  });

  test('the registry of a recipe', async () => {
    expect(await refused({ 'recipe.yaml': `model_registry: { a: 1 }\n${STEP}` })).toBe(
      'NOT_IN_THIS_VERSION recipe.yaml:1:1',
    );
  });

  test('the schemas have them', () => {
    const profile = JSON.parse(readFileSync(join(SCHEMAS, 'profile.schema.json'), 'utf8')) as {
      properties: Record<string, { description?: string }>;
    };
    for (const key of settings) expect(profile.properties[key]?.description).toBe('Not in this version.');
  });
});

test('a queue is ignored by a local run, with a warning', async () => {
  await using rig = await CliRig.create({ 'recipe.yaml': 'steps:\n  a: { run: [x], queue: gpu }\n' });
  expect(await inProcess(rig.dir, 'validate')).toMatchObject({
    exit: 0,
    err: 'warning: the step a names a queue, which a local run ignores\n',
  });
});
