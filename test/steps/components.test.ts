import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { componentYaml } from '../../scripts/component-yaml.ts';
import { CliRig } from '../rigs/cli-rig.ts';
import { CSV, RECIPE } from '../rigs/small-table.ts';

const STEPS = join(import.meta.dirname, '../../steps');

test.each(readdirSync(STEPS))('steps/%s/component.yaml is what run.ts says', async (name) => {
  expect(readFileSync(join(STEPS, name, 'component.yaml'), 'utf8')).toBe(await componentYaml(name));
});

describe('a CSV becomes a registered model', () => {
  test('whose version exists once, whatever is rerun', async () => {
    await using rig = await CliRig.create({ 'recipe.yaml': RECIPE, 'data.csv': `${CSV}\n` });
    const first = await rig.events();
    expect(first.find(({ type }) => type === 'effect.done')).toMatchObject({
      step: 'register',
      after: { version: '1', alias: 'latest-good' },
    });
    const second = await rig.events('--force=train');
    expect(second.find(({ type }) => type === 'effect.unchanged')).toMatchObject({ state: { version: '1' } });
  });

  test('an old model comes back with its alias', async () => {
    await using rig = await CliRig.create({ 'recipe.yaml': RECIPE, 'data.csv': `${CSV}\n` });
    await rig.run();
    const other = await rig.events('-S', 'steps.train.learning_rate=0.5');
    expect(other.find(({ type }) => type === 'effect.done')).toMatchObject({
      before: { version: '1' },
      after: { version: '2' },
    });
    const back = await rig.events();
    expect(back.filter(({ type }) => type === 'step.started')).toEqual([]);
    expect(back.find(({ type }) => type === 'effect.done')).toMatchObject({
      before: { version: '2' },
      after: { version: '1' },
    });
  });
});

describe('bad data ends its step with a code that names file, column and rule', () => {
  test.each([
    ['', 'DATA_FILE_EMPTY'],
    ['a,y\n', 'DATA_FILE_EMPTY'],
    ['a,y\n1,2\n3\n', 'DATA_UNREADABLE'],
    ['__a,y\n1,true\n', 'DATA_COLUMN_RESERVED'],
    ['a,b\n1,2\n', 'DATA_COLUMN_UNKNOWN'],
    [`a,y\n${'1,true\n'.repeat(40)}`, 'SPLIT_EMPTY'],
    [`a,y\n${Array.from({ length: 90 }, (_, n) => `${n},true`).join('\n')}\n`, 'TARGET_CONSTANT'],
    [
      `a,y\n${Array.from({ length: 90 }, (_, n) => `${n},${n % 2 === 0 ? 'x' : 'z'}`).join('\n')}\n`,
      'TARGET_CLASSES',
    ],
  ])('%j', async (csv, code) => {
    await using rig = await CliRig.create({
      'recipe.yaml':
        'template: classification/v1\ntarget_col: y\nsteps:\n  ingest: { location: ./d.csv }\n  register: { model_name: m }\n',
      'd.csv': csv,
    });
    const events = await rig.events();
    const failed = events.find((event) => event.type === 'step.failed');
    expect(failed).toMatchObject({ failure: { reason: 'threw', error: { code } } });
  });

  test('a derive expression that is none, a file cut off', async () => {
    await using rig = await CliRig.create({
      'recipe.yaml':
        'steps:\n  a: { uses: ingest, with: { location: ./d.csv, derive: { z: "nope(" } } }\n  b: { uses: ingest, with: { location: ./e.parquet } }\n',
      'd.csv': 'a\n1\n',
      'e.parquet': 'PAR1 and no more',
    });
    const failed = (await rig.events('-k')).flatMap((event) =>
      event.type === 'step.failed' && event.failure.reason === 'threw' ? [event.failure.error.code] : [],
    );
    expect(new Set(failed)).toEqual(new Set(['DATA_EXPRESSION_INVALID', 'DATA_UNREADABLE']));
  });
});

describe('no row of a CSV is lost in silence', () => {
  const INGEST = 'steps:\n  a: { uses: ingest, with: { location: ./d.csv } }\n';

  test('a line that begins with # is a row like any other', async () => {
    const lines = Array.from({ length: 1000 }, (_, n) => `${n % 10 === 0 ? '#' : ''}${n},${n}`);
    await using rig = await CliRig.create({
      'recipe.yaml': INGEST,
      'd.csv': `name,n\n${lines.join('\n')}\n`,
    });
    expect(await rig.run()).toEqual({ a: 'succeeded' });
    await rig.recipe('artifacts', 'get', ':a.profile', 'profile.json');
    expect(JSON.parse(await rig.read('profile.json'))).toMatchObject({
      rows: 1000,
      columns: [{ name: 'name' }, { name: 'n' }],
    });
  });

  test.each([
    ['rows longer than the header', 'a,b,c\n1,2,3\n4,5,6,7\n4,5,6,7\n4,5,6,7\n'],
    ['a title above the header', 'My report\na,b\n1,2\n3,4\n'],
  ])('%s are an error, not another header', async (_, csv) => {
    await using rig = await CliRig.create({ 'recipe.yaml': INGEST, 'd.csv': csv });
    const failed = (await rig.events()).find((event) => event.type === 'step.failed');
    expect(failed).toMatchObject({ failure: { error: { code: 'DATA_UNREADABLE' } } });
  });
});
