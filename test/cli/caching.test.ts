import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';

const RECIPE = `
params: { greeting: hello }
steps:
  fetch:
    run: cat {{ inputs.raw }} > {{ outputs.copy }}
    inputs: { raw: ./data/in.txt }
    outputs: { copy: copy.txt }
  count:
    run: wc -l < "$IN_copy" > "$OUT_lines"
    inputs: { copy: fetch.copy }
    outputs: { lines: lines.txt }
  greet:
    run: [bash, -c, 'echo "$1" > "$2"', x, "{{ params.greeting }}", "{{ outputs.text }}"]
    outputs: { text: text.txt }
`;

describe('a step is executed only when something it depends on changed', () => {
  test('the second run takes everything from the cache', async () => {
    await using rig = await CliRig.create({ 'recipe.yaml': RECIPE, 'data/in.txt': 'a\nb\n' });
    expect(await rig.run()).toEqual({ fetch: 'succeeded', count: 'succeeded', greet: 'succeeded' });
    expect(await rig.run()).toEqual({ fetch: 'cached', count: 'cached', greet: 'cached' });
  });

  test('a comment or a blank line changes nothing', async () => {
    await using rig = await CliRig.create({ 'recipe.yaml': RECIPE, 'data/in.txt': 'a\n' });
    await rig.run();
    await rig.write('recipe.yaml', `# about this\n\n${RECIPE}\n# the end\n`);
    expect(await rig.run()).toEqual({ fetch: 'cached', count: 'cached', greet: 'cached' });
  });

  test('changed data reruns what reads it, and what follows only as far as outputs differ', async () => {
    await using rig = await CliRig.create({ 'recipe.yaml': RECIPE, 'data/in.txt': 'a\nb\n' });
    await rig.run();
    await rig.write('data/in.txt', 'a\nc\n');
    expect(await rig.run()).toEqual({ fetch: 'succeeded', count: 'succeeded', greet: 'cached' });
    await rig.write(
      'recipe.yaml',
      `${RECIPE}  after:\n    run: cat "$IN_lines" > "$OUT_same"\n    inputs: { lines: count.lines }\n    outputs: { same: same.txt }\n`,
    );
    await rig.run();
    await rig.write('data/in.txt', 'a\nd\n');
    // Two lines as before: the count is the same bytes, so what needs it is cached.
    expect(await rig.run()).toEqual({
      fetch: 'succeeded',
      count: 'succeeded',
      greet: 'cached',
      after: 'cached',
    });
  });

  test('setting a value back executes nothing', async () => {
    await using rig = await CliRig.create({ 'recipe.yaml': RECIPE, 'data/in.txt': 'a\n' });
    await rig.run();
    expect(await rig.run('-S', 'params.greeting=bye')).toMatchObject({ greet: 'succeeded', fetch: 'cached' });
    expect(await rig.run()).toMatchObject({ greet: 'cached' });
  });

  test('explain names the value, before and after', async () => {
    await using rig = await CliRig.create({ 'recipe.yaml': RECIPE, 'data/in.txt': 'a\n' });
    await rig.run();
    await rig.run('-S', 'params.greeting=bye');
    const { out } = await rig.recipe('explain', ':greet', '--json');
    expect(JSON.parse(out)).toMatchObject({
      step: 'greet',
      roots: [{ step: 'greet', kind: 'command', before: 'hello', after: 'bye' }],
    });
  });

  test('--force executes all the same, --force=STEP one step', async () => {
    await using rig = await CliRig.create({ 'recipe.yaml': RECIPE, 'data/in.txt': 'a\n' });
    await rig.run();
    expect(await rig.run('--force=greet')).toEqual({ fetch: 'cached', count: 'cached', greet: 'succeeded' });
    expect(await rig.run('-f')).toEqual({ fetch: 'succeeded', count: 'succeeded', greet: 'succeeded' });
  });

  test('status and --dry-run say what would run, and write nothing', async () => {
    await using rig = await CliRig.create({ 'recipe.yaml': RECIPE, 'data/in.txt': 'a\n' });
    await rig.run();
    const { out, exit } = await rig.recipe('status', '--json', '-S', 'params.greeting=bye');
    expect(exit).toBe(0);
    expect(JSON.parse(out).steps).toMatchObject([
      { step: 'fetch', would: 'cached' },
      { step: 'greet', would: 'run', reason: 'argv.4 hello → bye' },
      { step: 'count', would: 'cached' },
    ]);
    expect(await rig.run()).toMatchObject({ greet: 'cached' });
  });
});

describe('two runs at the same instant', () => {
  test('execute each step once', async () => {
    await using rig = await CliRig.create({ 'recipe.yaml': RECIPE, 'data/in.txt': 'a\n' });
    const both = await Promise.all([rig.run(), rig.run()]);
    const executed = both.flatMap((run) => Object.entries(run)).filter(([, kind]) => kind === 'succeeded');
    expect(executed.map(([step]) => step).toSorted((a, b) => (a < b ? -1 : 1))).toEqual([
      'count',
      'fetch',
      'greet',
    ]);
  });
});

test('two steps of one recipe that are the same task execute once', async () => {
  await using rig = await CliRig.create({
    'recipe.yaml': `steps:
  a: { run: 'sleep 0.3; echo x >> "$COUNT"; touch "$OUT_o"', outputs: { o: o.txt }, pass_env: [COUNT] }
  b: { run: 'sleep 0.3; echo x >> "$COUNT"; touch "$OUT_o"', outputs: { o: o.txt }, pass_env: [COUNT] }
`,
  });
  rig.env['COUNT'] = join(rig.dir, 'count');
  expect(Object.values(await rig.run('-j', '2')).toSorted()).toEqual(['cached', 'succeeded']);
  expect(await rig.read('count')).toBe('x\n');
});
