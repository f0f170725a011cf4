import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { cliDocs } from '../../scripts/cli-docs.ts';
import { COMMANDS } from '../../src/cli/commands.ts';
import { ENGINE_KEYS, TOP_KEYS } from '../../src/recipe/engine-keys.ts';
import { CliRig } from '../rigs/cli-rig.ts';

const docs = (name: string): string => readFileSync(join(import.meta.dirname, '../../docs', name), 'utf8');

describe('the documents say what the program does', () => {
  test('docs/cli.md is what the commands declare', () => {
    expect(docs('cli.md')).toBe(cliDocs());
  });

  test('docs/recipe.md names every key', () => {
    const text = docs('recipe.md');
    expect(
      [...ENGINE_KEYS, ...TOP_KEYS].filter(
        (key) => !text.includes(`\`${key}\``) && !text.includes(`\`${key}:`),
      ),
    ).toEqual([]);
  });

  test('docs/events.md names every event', () => {
    const types = Array.from(
      readFileSync(join(import.meta.dirname, '../../src/core/events.ts'), 'utf8').matchAll(
        /'((?:run|step|effect|reference)\.\w+)'/g,
      ),
      ([, type = '']) => type,
    );
    expect(new Set(types).size).toBeGreaterThan(15);
    expect([...new Set(types)].filter((type) => !docs('events.md').includes(`\`${type}\``))).toEqual([]);
  });

  test('docs/guarantees.md names for each promise tests that are there', () => {
    const rows = docs('guarantees.md')
      .split('\n')
      .filter((line) => /^\| (?:\d+ )?\| (?!promise|-)/.test(line));
    const files = rows.map((row) => Array.from(row.matchAll(/`(test\/[^`]+)`/g), ([, file = '']) => file));
    expect(rows.length).toBeGreaterThan(6);
    expect(files.filter((named) => named.length === 0)).toEqual([]);
    expect(files.flat().filter((file) => !existsSync(join(import.meta.dirname, '../..', file)))).toEqual([]);
  });

  test('the components in docs/step-protocol.md run', async () => {
    const blocks = Array.from(
      docs('step-protocol.md').matchAll(/```(python|bash) (\S+)\n([\s\S]*?)```/g),
      ([, , name = '', code = '']) => [name, code] as const,
    );
    expect(blocks.map(([name]) => name)).toEqual(['steps/mean.py', 'steps/head.sh']);
    await using rig = await CliRig.create({
      ...Object.fromEntries(blocks),
      'data.csv': 'x\n1\n2\n6\n',
      'recipe.yaml': `steps:
  head: { run: [bash, steps/head.sh], inputs: { data: ./data.csv }, outputs: { rows: rows.csv } }
  mean: { uses: ./steps/mean.py, inputs: { rows: head.rows }, with: { column: x }, outputs: { summary: { path: summary.json, kind: metrics } } }
`,
    });
    expect(await rig.run()).toEqual({ head: 'succeeded', mean: 'succeeded' });
    await rig.recipe('artifacts', 'get', ':mean.summary', 'summary.json');
    expect(JSON.parse(await rig.read('summary.json'))).toEqual({ mean: 1.5 });
  });
});

describe('every command', () => {
  test.each(COMMANDS.map(({ name }) => name))('%s has help with an example', async (name) => {
    await using rig = await CliRig.create();
    const { exit, out } = await rig.recipe(...name.split(' '), '--help');
    expect(exit).toBe(0);
    expect(out).toContain(`recipe ${name}: `);
    expect(out).toContain('Examples:\n  recipe ');
  });
});
