import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { CardBlock } from '../../src/core/card-block.ts';
import { CliRig } from '../rigs/cli-rig.ts';

const COUNT = `import { writeFileSync } from 'node:fs';
import { defineStep, Type } from 'stockpot/steps';
export const step = defineStep({
  title: 'Count', version: '1', config: Type.Object({}), inputs: {}, outputs: { n: { path: 'n.json', kind: 'value' } },
  run: ({ outputs }) => writeFileSync(outputs.n, '{"lines":3}'),
});
`;

const OWN = 'steps:\n  count: { uses: ./steps/count.ts, outputs: { n: { path: n.json, kind: value } } }\n';

async function cardOf(
  rig: CliRig,
  address: string,
): Promise<{ path: string; blocks: CardBlock[]; html: string }> {
  const { out, err } = await rig.recipe('card', address, '--json');
  expect(err).toBe('');
  const { path, blocks } = JSON.parse(out) as { path: string; blocks: CardBlock[] };
  return { path, blocks, html: await readFile(path, 'utf8') };
}

async function rigWith(card: string): Promise<CliRig> {
  const rig = await CliRig.create({ 'recipe.yaml': OWN, 'steps/count.ts': COUNT + card });
  expect(await rig.run()).toEqual({ count: 'succeeded' });
  return rig;
}

describe('what stands on a card', () => {
  test('is what the step in a single file says', async () => {
    await using rig = await rigWith(
      `export const card = ({ read }) => [{ kind: 'text', text: 'lines: ' + read('n').lines }];\n`,
    );
    expect((await cardOf(rig, ':count')).blocks).toContainEqual({ kind: 'text', text: 'lines: 3' });
  });

  test('is what card.ts beside component.yaml says', async () => {
    await using rig = await CliRig.create({
      'recipe.yaml': 'steps:\n  count: { uses: ./steps/count }\n',
      'steps/count/run.ts': COUNT,
      'steps/count/component.yaml':
        'title: Count\nversion: "1"\nconfig: { type: object }\ninputs: {}\noutputs: { n: { path: n.json, kind: value } }\nruntime: node\nentry: run.ts\n',
      'steps/count/card.ts': `import { defineCard } from 'stockpot/steps';
export const card = defineCard(({ step, kinds }) => [{ kind: 'heading', text: step + ' ' + kinds['n'] }]);\n`,
    });
    await rig.run();
    expect((await cardOf(rig, ':count')).blocks).toContainEqual({ kind: 'heading', text: 'count value' });
  });

  test('is what the step wrote as its output `card`, in any language', async () => {
    await using rig = await CliRig.create({
      'recipe.yaml': `steps:
  count:
    run: echo '[{"kind":"verdict","verdict":"REJECTED"}]' > "$OUT_card"
    outputs: { card: { path: card.json, kind: value } }
`,
    });
    await rig.run();
    const { blocks, html } = await cardOf(rig, ':count');
    expect(blocks).toContainEqual({ kind: 'verdict', verdict: 'REJECTED' });
    expect(html).toContain('<span class="verdict REJECTED">REJECTED</span>');
  });

  test('else is what is in its outputs, as far as their kinds tell', async () => {
    await using rig = await CliRig.create({
      'recipe.yaml': `steps:
  count: { run: "echo '{\\"rmse\\":0.25}' > $OUT_m; echo hello", outputs: { m: { path: m.json, kind: metrics } } }
  rows: { uses: sql, with: { sql: "SELECT 7 AS seven, NULL AS nothing, 'x' AS text" } }
`,
    });
    await rig.run();
    const own = (await cardOf(rig, ':count')).blocks;
    expect(own).toContainEqual({ kind: 'table', head: ['name', 'value'], rows: [['rmse', 0.25]] });
    expect(own).toContainEqual({ kind: 'log', text: 'hello\n' });
    expect((await cardOf(rig, ':rows')).blocks).toContainEqual({
      kind: 'table',
      head: ['seven', 'nothing', 'text'],
      rows: [[7, null, 'x']],
    });
  });

  test('always says how the step came about: configuration, lineage, run', async () => {
    await using rig = await CliRig.create({
      'recipe.yaml': 'steps:\n  a: { uses: ingest, with: { location: ./d.csv } }\n',
      'd.csv': 'x\n1\n2\n',
    });
    await rig.run();
    const { blocks } = await cardOf(rig, ':a');
    const lineage = blocks.find((block) => block.kind === 'table' && block.head.includes('digest'));
    expect(lineage).toMatchObject({
      rows: [
        ['input', 'source', './d.csv', expect.stringMatching(/^[0-9a-f]{64}$/)],
        ['output', 'data', expect.stringContaining('table'), expect.any(String)],
        ['output', 'profile', expect.stringContaining('value'), expect.any(String)],
        ['fingerprint', '', expect.stringContaining('Stockpot'), expect.any(String)],
      ],
    });
  });
});

describe('a card is safe to open', () => {
  test('what a step wrote stays text, and the page loads nothing', async () => {
    const hostile = '<script>alert(1)</script><img src=x onerror=alert(1)>';
    await using rig = await rigWith(
      `const t = ${JSON.stringify(hostile)};
export const card = () => [
  { kind: 'heading', text: t }, { kind: 'log', text: t }, { kind: 'verdict', verdict: t }, { kind: 'warning', text: t },
  { kind: 'table', head: [t], rows: [[t], [{ kind: 'share', value: 0.5 }], [{ kind: 'spark', counts: [1, 2] }]] },
  { kind: 'lines', title: t, x: t, y: t, series: [{ name: t, points: [[0, 0], [1, 1]] }, { name: 'b', points: [] }] },
  { kind: 'dots', title: t, x: t, y: t, points: [[1, 2]] },
  { kind: 'bars', title: t, x: t, bars: [{ name: t, value: 1 }] },
  { kind: 'heat', title: t, x: t, y: t, cells: [{ row: t, column: t, value: 1 }] },
];\n`,
    );
    const { html } = await cardOf(rig, ':count');
    expect(html).not.toMatch(/<script|<img|<link|<iframe|<style[^>]*>[^<]*@import/i);
    expect(html).toContain("default-src 'none'");
    const addresses = html.match(/https?:\/\/[^\s"'<]+/g) ?? [];
    expect(addresses.filter((one) => !one.startsWith('http://www.w3.org/'))).toEqual([]);
  });
});

describe('the code of a card', () => {
  test('runs once for the same outputs and code, and again when it changes; no result depends on it', async () => {
    await using rig = await CliRig.create();
    const trace = join(rig.dir, 'trace');
    const card = (word: string): string => `import { appendFileSync } from 'node:fs';
export const card = () => { appendFileSync(${JSON.stringify(trace)}, '${word}'); return [{ kind: 'text', text: '${word}' }]; };\n`;
    await rig.write('recipe.yaml', 'steps:\n  count: { uses: ./steps/count }\n');
    await rig.write('steps/count/run.ts', COUNT);
    await rig.write(
      'steps/count/component.yaml',
      'title: Count\nversion: "1"\nconfig: { type: object }\ninputs: {}\noutputs: { n: { path: n.json, kind: value } }\nruntime: node\nentry: run.ts\n',
    );
    await rig.write('steps/count/card.ts', card('a'));
    await rig.run();
    for (const _ of [1, 2]) await cardOf(rig, ':count');
    expect(await rig.read('trace')).toBe('a');
    await rig.write('steps/count/card.ts', card('b'));
    expect((await cardOf(rig, ':count')).blocks).toContainEqual({ kind: 'text', text: 'b' });
    expect(await rig.read('trace')).toBe('ab');
    expect(await rig.run()).toEqual({ count: 'cached' });
  });

  test.each([
    ['throws', `() => { throw new TypeError('no such thing'); }`, 'TypeError: no such thing'],
    ['gives no list', `() => 7`, 'it gave no list'],
    [
      'gives an unknown block',
      `() => [{ kind: 'html', text: '<b>' }]`,
      'block 1 has no kind of heading, text',
    ],
    [
      'gives a block that does not fit',
      `() => [{ kind: 'text' }]`,
      "block 1: text must have required property 'text'",
    ],
    ['ends its process', `() => process.exit(3)`, 'exited with code 3'],
  ])('that %s is an error that says so', async (_, code, problem) => {
    await using rig = await rigWith(`export const card = ${code};\n`);
    const { exit, err } = await rig.recipe('card', ':count', '--json');
    expect(exit).toBe(1);
    expect(JSON.parse(err)).toMatchObject({ code: 'CARD_FAILED', message: expect.stringContaining(problem) });
  });

  test('of a step that has not run is asked for in vain', async () => {
    await using rig = await CliRig.create({ 'recipe.yaml': OWN, 'steps/count.ts': COUNT });
    const { exit, err } = await rig.recipe('card', ':count');
    expect([exit, err]).toEqual([2, expect.stringContaining('has not run yet')]);
  });
});
