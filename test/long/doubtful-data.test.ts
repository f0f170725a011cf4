import { describe, expect, test } from 'vitest';
import { describeFailure, type Failure } from '../../src/core/failure.ts';
import { CliRig } from '../rigs/cli-rig.ts';

function lines(count: number, line: (n: number) => string): string {
  return `${Array.from({ length: count }, (_, n) => line(n)).join('\n')}\n`;
}

const GOOD = `a,b,y\n${lines(200, (n) => `${n % 13},${['x', 'z', 'w'][n % 3]},${n % 2 === 0}`)}`;

function failureOf(failure: Failure): string {
  return failure.reason === 'threw'
    ? `${failure.error.code}: ${failure.error.message}`
    : describeFailure(failure);
}

describe('what no model can be made of ends its step, and what is doubtful is warned of', () => {
  const row = (b: (n: number) => string | number, y: (n: number) => string | number | boolean): string =>
    `a,b,y\n${lines(300, (n) => `${n % 13},${b(n)},${y(n)}`)}`;
  const CLASSES: Readonly<Record<string, readonly [csv: string, says: string | readonly string[]]>> = {
    'no-target': [
      GOOD.replace('b,y', 'b,z'),
      'DATA_COLUMN_UNKNOWN: split names the column y, which the data does not have',
    ],
    'no-rows': [
      'a,b,y\n1,2,true\n2,3,false\n',
      'SPLIT_EMPTY: The validation split has no rows (of 2 in all)',
    ],
    constant: [
      row(
        (n) => n % 3,
        () => true,
      ),
      'TARGET_CONSTANT: The target y has the one value true in the training rows: there is nothing to learn',
    ],
    'no-values': [
      row(
        (n) => n % 3,
        () => '',
      ),
      'TARGET_MISSING: The target y is missing in every row of the training split',
    ],
    rare: [
      row(
        (n) => `x${n % 3}`,
        (n) => (n === 0 ? 'r' : n % 2 === 0 ? 's' : 't'),
      ),
      'TARGET_CLASSES: The target y has the class r in one row only',
    ],
    'identifiers-only': [
      `b,y\n${lines(300, (n) => `n${n}q,${n % 2 === 0}`)}`,
      'TRANSFORM_NO_FEATURES: No column is left to learn from',
    ],
    identifiers: [
      row(
        (n) => `n${n}q`,
        (n) => n % 2 === 0,
      ),
      ['the column b is left out: nearly every row has a value of its own'],
    ],
    'some-missing': [
      row(
        (n) => n % 3,
        (n) => (n % 5 === 0 ? '' : n % 2 === 0),
      ),
      [
        'N rows of the training split are left out: their target is missing or of an unknown class',
        'N rows of the validation split are left out: their target is missing or of an unknown class',
        'N rows of the test split are left out: their target is missing or of an unknown class',
      ],
    ],
    copied: [
      row(
        (n) => (n % 2 === 0 ? 1 : 0),
        (n) => n % 2 === 0,
      ),
      ['the column b equals the target y: drop it, or the model only copies it'],
    ],
    'nearly-numbers': [
      row(
        (n) => (n === 7 ? 'n/a' : n % 17),
        (n) => n % 2 === 0,
      ),
      [
        'the column b is text, though all values but 1 are a number (n/a): say types: { b: float } or correct them',
      ],
    ],
    'infinite-text': [
      row(
        (n) => (n % 9 === 0 ? 'inf' : n % 17),
        (n) => n % 2 === 0,
      ),
      ['the column b is text, though every value is a number: say types: { b: float } or correct them'],
    ],
    'infinite-numbers': [
      row(
        (n) => (n % 9 === 0 ? '1e999' : (n % 17) + 0.5),
        (n) => n % 2 === 0,
      ),
      [],
    ],
  };

  test('of every kind', async () => {
    await using rig = await CliRig.create();
    const steps: Record<string, unknown> = {};
    for (const [name, [csv]] of Object.entries(CLASSES)) {
      await rig.write(`${name}.csv`, csv);
      steps[`${name}-in`] = { uses: 'ingest', with: { location: `./${name}.csv` } };
      steps[`${name}-split`] = {
        uses: 'split',
        inputs: { data: `${name}-in.data` },
        with: { target_col: 'y' },
      };
      const inputs = Object.fromEntries(
        ['training', 'validation', 'test'].map((split) => [split, `${name}-split.${split}`]),
      );
      steps[`${name}-fit`] = { uses: 'transform', inputs, with: { task: 'classification', target_col: 'y' } };
    }
    await rig.write('recipe.yaml', JSON.stringify({ steps }));
    const events = await rig.events('-k', '-j', '2');
    const told = new Map<string, string | string[]>(Object.keys(CLASSES).map((name) => [name, []]));
    for (const event of events) {
      if (!('step' in event) || event.step === undefined) continue;
      const name = event.step.replace(/-(?:in|split|fit)$/, '');
      const before = told.get(name);
      if (event.type === 'step.report' && event.entry.type === 'warning' && Array.isArray(before))
        before.push(event.entry.message.replace(/^\d+ rows of/, 'N rows of'));
      if (event.type === 'step.failed') told.set(name, failureOf(event.failure));
    }
    expect(Object.fromEntries(told)).toEqual(
      Object.fromEntries(Object.entries(CLASSES).map(([name, [, says]]) => [name, says])),
    );
  }, 240_000);

  test('a regression on texts', async () => {
    await using rig = await CliRig.create({
      'recipe.yaml':
        'template: regression/v1\ntarget_col: y\nsteps:\n  ingest: { location: ./d.csv }\n  register: { model_name: m }\n',
      'd.csv': row(
        (n) => n % 3,
        (n) => (n % 7 === 0 ? 'inf' : n % 11),
      ),
    });
    const failed = (await rig.events()).find((event) => event.type === 'step.failed');
    expect(failed).toMatchObject({
      step: 'transform',
      failure: {
        error: { code: 'TARGET_NOT_NUMERIC', hint: expect.stringContaining('classification/v1') as string },
      },
    });
  });
});
