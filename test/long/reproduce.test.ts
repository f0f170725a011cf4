import { existsSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Lineage } from '../../src/engine/lineage.ts';
import { CliRig } from '../rigs/cli-rig.ts';
import { inProcess } from '../rigs/in-process.ts';
import { PostgresRig } from '../rigs/postgres-rig.ts';
import { ServerProcess } from '../rigs/server-process.ts';

const TRAIN = `import json, os
from rate import RATE
task = json.load(open(os.environ['STOCKPOT_STEP']))
rows = open(os.environ['IN_rows']).read()
os.makedirs(os.environ['OUT_model'])
open(os.path.join(os.environ['OUT_model'], 'MLmodel'), 'w').write('%s %s %s\\n' % (rows, RATE, task['config']['n']))
`;
const RANDOM = TRAIN.replace("task['config']['n']", 'os.urandom(8).hex()');

const recipe = (more = ''): string => `steps:
  clean: { run: "tr a-z A-Z < {{ inputs.rows }} > {{ outputs.rows }}", inputs: { rows: ./data/rows.csv }, outputs: { rows: rows.csv } }
  train: { uses: ./steps/train.py, with: { n: 1 }, inputs: { rows: clean.rows }, code: [steps/rate.py], outputs: { model: { path: model, kind: model } }${more} }
  count: { run: "wc -l < {{ inputs.rows }} > {{ outputs.n }}", inputs: { rows: clean.rows }, outputs: { n: n.txt } }
  register: { uses: register, with: { model_name: m, alias: champion, allow_non_validated_model: true }, inputs: { model: train.model } }
`;

const project = (more = ''): Record<string, string> => ({
  'recipe.yaml': recipe(more),
  'data/rows.csv': 'a,b\n',
  'steps/train.py': TRAIN,
  'steps/rate.py': 'RATE = 3\n',
});

interface Said {
  readonly same: boolean;
  readonly dir: string;
  readonly outputs: readonly { step: string; output: string; before: string; now?: string }[];
  readonly differences: readonly { step: string; kind: string; on?: string[] }[];
}

const missing = await PostgresRig.missing();

/** What `recipe reproduce --json` says, or the code of its error. */
async function reproduce(rig: CliRig, ...args: string[]): Promise<{ exit: number | undefined; said: Said }> {
  const { exit, out, err } = await rig.recipe('reproduce', ...args, '--json');
  return { exit, said: JSON.parse(out === '' ? err : out) as Said };
}

async function lineage(rig: CliRig, model = 'm@champion'): Promise<Lineage> {
  return JSON.parse((await rig.recipe('models', 'lineage', model, '--json')).out) as Lineage;
}

describe('a model of a registry of one’s own', () => {
  test('says what it came from, asks for its inputs, and is made again with the same digests', async () => {
    await using rig = await CliRig.create(project());
    await rig.run();
    const { data, code, steps } = await lineage(rig);
    const [rows] = data;
    expect(data).toMatchObject([{ name: 'data/rows.csv', size: 4, kept: false }]);
    expect(code.map(({ path }) => path)).toEqual(['steps/rate.py', 'steps/train.py']);
    expect(steps).toMatchObject([
      { step: 'clean', parameters: {} },
      { step: 'train', parameters: { n: 1 }, environment: { seed: expect.any(Number) } },
    ]);

    const asked = await rig.recipe('reproduce', 'models:/m@champion', '--json');
    expect([asked.exit, JSON.parse(asked.err)]).toMatchObject([
      2,
      {
        code: 'REPRODUCTION_INPUT_MISSING',
        message: `The version m/1 keeps only the digests of data/rows.csv (SHA-256 ${rows?.digest}, 4 bytes)`,
        hint: 'Supply the file: --input data/rows.csv=FILE',
      },
    ]);
    await rig.write('other.csv', 'a,c\n');
    const refused = await reproduce(rig, 'm/1', '--input', 'data/rows.csv=other.csv');
    expect(refused).toMatchObject({ exit: 2, said: { code: 'REPRODUCTION_INPUT_DIFFERS' } });
    expect(existsSync(join(rig.dir, 'reproduced'))).toBe(false);

    // Neither the project nor its cache has what it had, but for what the version pins.
    await rig.write('saved.csv', 'a,b\n');
    for (const path of ['steps', 'data']) await rm(join(rig.dir, path), { recursive: true });
    expect((await rig.recipe('cache', 'gc', '--max-size', '0MB')).exit).toBe(0);
    const again = await rig.recipe('reproduce', 'm@champion', '--input', 'data/rows.csv=saved.csv');
    expect([again.exit, again.err]).toEqual([0, '']);
    expect(again.out).toContain('m/1 was made again in reproduced/m-1: every digest is the same\n');
    expect(again.out).toMatch(/train +model +(\w{12}) +\1 +the same/);
    expect(await rig.read('reproduced/m-1/steps/rate.py')).toBe('RATE = 3\n');
    expect(await rig.read('reproduced/m-1/recipe.yaml')).toBe(recipe());

    // What a backup brings elsewhere can be made again there.
    await rig.recipe('server', 'backup', 'backup');
    await using other = await CliRig.create({ 'saved.csv': 'a,b\n' });
    expect((await other.recipe('server', 'restore', join(rig.dir, 'backup'))).exit).toBe(0);
    expect((await other.recipe('cache', 'gc', '--max-size', '0MB')).exit).toBe(0);
    expect(await reproduce(other, 'm@champion', '--input', 'data/rows.csv=saved.csv')).toMatchObject({
      exit: 0,
      said: { same: true },
    });
  });

  test('of another version of Stockpot says what to type', async () => {
    await using rig = await CliRig.create(project());
    await rig.run();
    const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')) as {
      version: string;
    };
    const { exit, err } = await inProcess(rig.dir, 'reproduce', 'models:/m@champion', '--json');
    expect([exit, JSON.parse(err)]).toMatchObject([
      2,
      {
        code: 'REPRODUCTION_OTHER_VERSION',
        hint: `Type \`npx stockpot@${version} reproduce models:/m@champion\`, or add --any-version.`,
      },
    ]);
    const any = await inProcess(rig.dir, 'reproduce', 'm/1', '--any-version', '--json');
    expect(JSON.parse(any.err)).toMatchObject({ code: 'REPRODUCTION_INPUT_MISSING' });
  });

  test('takes no folder that holds something else, and its own a second time', async () => {
    await using rig = await CliRig.create(project());
    await rig.run();
    const input = ['--input', 'data/rows.csv=data/rows.csv'];
    expect(await reproduce(rig, 'm/1', '--into', 'data', ...input)).toMatchObject({
      exit: 2,
      said: { code: 'REPRODUCTION_FOLDER_TAKEN' },
    });
    for (const _ of [1, 2])
      expect(await reproduce(rig, 'm/1', '--into', 'again', ...input)).toMatchObject({
        exit: 0,
        said: { same: true, differences: [] },
      });
  });

  test('that is not deterministic is said to be', async () => {
    await using rig = await CliRig.create({ ...project(), 'steps/train.py': RANDOM });
    await rig.run();
    const { exit, said } = await reproduce(rig, 'm/1', '--input', 'data/rows.csv=data/rows.csv');
    expect(exit).toBe(1);
    expect(said).toMatchObject({
      same: false,
      differences: [{ step: 'train', kind: 'not-deterministic', isDeclared: false }],
    });
    expect(said.outputs.map(({ step, before, now }) => [step, before === now])).toEqual([
      ['clean', true],
      ['train', false],
    ]);
  });

  test('that was made from another model and with packages has both', async () => {
    const step = `import { cpSync, readFileSync } from 'node:fs';
import { defineStep, Type } from 'stockpot/steps';
import { double } from 'double';

export const step = defineStep({
  title: 'Tune',
  config: Type.Object({}, { additionalProperties: false }),
  inputs: { base: { kind: 'model' } },
  outputs: { model: { path: 'model', kind: 'model' } },
  run({ inputs, outputs }) {
    if (double(readFileSync(inputs.base + '/MLmodel').length) !== 18) throw new Error('another base');
    cpSync(inputs.base, outputs.model, { recursive: true, dereference: true });
  },
});
`;
    const files = {
      'package.json': '{ "type": "module", "dependencies": { "double": "1.0.0" } }',
      'package-lock.json': '{ "packages": { "node_modules/double": { "version": "1.0.0" } } }',
    };
    const double = {
      'node_modules/double/package.json':
        '{ "name": "double", "version": "1.0.0", "type": "module", "main": "main.js" }',
      'node_modules/double/main.js': 'export const double = (n) => n * 2;\n',
    };
    await using rig = await CliRig.create({
      ...project(),
      ...files,
      ...double,
      'recipes/base/recipe.yaml': recipe(),
      'recipes/tune/recipe.yaml': `steps:
  tune: { uses: ./steps/tune.ts, inputs: { base: "models:/m@champion" } }
  register: { uses: register, with: { model_name: tuned, allow_non_validated_model: true }, inputs: { model: tune.model } }
`,
      'steps/tune.ts': step,
    });
    for (const name of ['base', 'tune']) expect(await rig.recipe('run', name)).toMatchObject({ exit: 0 });
    expect((await lineage(rig, 'tuned/1')).data).toMatchObject([{ name: 'models:/m@champion', kept: false }]);
    const refused = await reproduce(rig, 'tuned/1', '--into', 'again');
    expect(refused).toMatchObject({
      exit: 2,
      said: {
        code: 'REPRODUCTION_PACKAGES_MISSING',
        message: 'The steps import packages that are not in again: double@1.0.0',
      },
    });
    for (const [path, text] of Object.entries(double)) await rig.write(`again/${path}`, text);
    expect(await reproduce(rig, 'tuned/1', '--into', 'again')).toMatchObject({
      exit: 0,
      said: { same: true },
    });
  });

  test('names the secrets that are not here, and keeps none', async () => {
    const secret = ', env: { KEY: { secret: api } }';
    await using rig = await CliRig.create(project(secret));
    rig.env['STOCKPOT_SECRET_api'] = 'canary-5';
    await rig.run();
    const [, kept] = await Promise.all([rig.run(), lineage(rig)]);
    expect(JSON.stringify(kept)).not.toContain('canary');
    delete rig.env['STOCKPOT_SECRET_api'];
    const { exit, said } = await reproduce(rig, 'm/1', '--input', 'data/rows.csv=data/rows.csv');
    expect([exit, said]).toMatchObject([
      2,
      {
        code: 'REPRODUCTION_SECRETS_MISSING',
        message: 'The steps of m/1 need what is not set here: STOCKPOT_SECRET_api',
      },
    ]);
  });
});

describe('a model of a shared registry', () => {
  test('is made again on an empty machine from a server alone, inputs of every kind included', async () => {
    await using team = await CliRig.create();
    await using server = await ServerProcess.start(team);
    await using origin = await website('q,r\n');
    await using outside = await CliRig.create({ 'far.csv': 'x,y\n' });
    await using first = await CliRig.create({
      ...project(),
      'data/more/1.csv': '1\n',
      'data/more/2.csv': '2\n',
      'recipe.yaml': recipe()
        .replace(
          'rows: ./data/rows.csv',
          `rows: ./data/rows.csv, web: "${origin.url}/w.csv", far: "file://${outside.dir}/far.csv", all: ["./data/more/*.csv", ./data/more]`,
        )
        .replace(
          'tr a-z A-Z < {{ inputs.rows }}',
          'find -L {{ inputs.all }} -type f | sort | xargs cat {{ inputs.rows }} {{ inputs.web }} {{ inputs.far }}',
        ),
      'profiles/local.yaml': `model_registry: ${server.url}\n`,
    });
    const events = await first.events();
    expect(events.filter(({ type }) => type.startsWith('effect.'))).toMatchObject([{ type: 'effect.done' }]);
    const progress = events.flatMap((event) =>
      event.type === 'step.report' && event.step === 'register' && event.entry.type === 'progress'
        ? [[event.entry.done, event.entry.total]]
        : [],
    );
    expect(progress).toEqual([
      [0, 12],
      [12, 12],
    ]);
    // What is registered once more is what it was.
    expect(await first.events()).toContainEqual(expect.objectContaining({ type: 'effect.unchanged' }));
    await origin.end();
    await rm(join(outside.dir, 'far.csv'));

    await using second = await CliRig.create();
    second.env['STOCKPOT_REGISTRY_URL'] = server.url;
    const { exit, said } = await reproduce(second, 'm@champion', '--into', 'again');
    expect([exit, said]).toMatchObject([0, { same: true, differences: [] }]);
    expect(said.outputs.map(({ step, output }) => `${step}.${output}`)).toEqual([
      'clean.rows',
      'train.model',
    ]);
    expect((await lineage(second)).data.map(({ kept }) => kept)).toEqual([true, true, true, true, true]);
  });

  test('keeps no inputs with keep_inputs: false', async () => {
    await using team = await CliRig.create();
    await using server = await ServerProcess.start(team);
    await using rig = await CliRig.create({
      ...project(),
      'profiles/local.yaml': `model_registry: ${server.url}\nkeep_inputs: false\n`,
    });
    await rig.run();
    expect((await lineage(rig)).data).toMatchObject([{ name: 'data/rows.csv', kept: false }]);
    await using second = await CliRig.create({ 'saved.csv': 'a,b\n' });
    second.env['STOCKPOT_REGISTRY_URL'] = server.url;
    expect(await reproduce(second, 'm/1')).toMatchObject({
      exit: 2,
      said: { code: 'REPRODUCTION_INPUT_MISSING' },
    });
    expect(await reproduce(second, 'm/1', '--input', './data/rows.csv=saved.csv')).toMatchObject({ exit: 0 });
  });

  test.skipIf(missing !== undefined)('in PostgreSQL needs the cache too, or the server on it', async () => {
    await using postgres = await PostgresRig.start();
    await using first = await CliRig.create(project());
    first.env['STOCKPOT_DATABASE_URL'] = postgres.url;
    await first.run();
    await using second = await CliRig.create();
    second.env['STOCKPOT_DATABASE_URL'] = postgres.url;
    expect(await reproduce(second, 'm/1')).toMatchObject({
      exit: 2,
      said: { code: 'REPRODUCTION_ELSEWHERE' },
    });
    second.env['STOCKPOT_CACHE'] = join(first.dir, '.stockpot/cache');
    expect(await reproduce(second, 'm/1', '--into', 'a')).toMatchObject({ exit: 0, said: { same: true } });
    delete second.env['STOCKPOT_CACHE'];
    delete second.env['STOCKPOT_DATABASE_URL'];
    await using server = await ServerProcess.start(first, '--database', postgres.url);
    expect(await reproduce(second, 'm/1', '--into', 'b', '--tracking', server.url)).toMatchObject({
      exit: 0,
      said: { same: true },
    });
  });
});

/** Answers every request with the same bytes, until it is ended. */
async function website(body: string): Promise<{ url: string; end: () => Promise<void> } & AsyncDisposable> {
  const server = createServer((_, response) => response.end(body)).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const end = async (): Promise<void> => {
    if (!server.listening) return;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return {
    url: `http://127.0.0.1:${(server.address() as { port: number }).port}`,
    end,
    [Symbol.asyncDispose]: end,
  };
}
