import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ATTRIBUTES, parseFilter, parseOrder } from '../../src/tracking/filter.ts';

const DOCS = readFileSync(join(import.meta.dirname, '../../docs/tracking.md'), 'utf8');

/** Lines of the fenced blocks of this kind. */
function examples(kind: string): string[] {
  return Array.from(DOCS.matchAll(new RegExp(`\`\`\`${kind}\n([\\s\\S]*?)\`\`\``, 'g')), ([, text = '']) =>
    text.trim().split('\n'),
  ).flat();
}

describe('docs/tracking.md', () => {
  test.each(examples('filter'))('%s is a filter', (filter) => {
    expect(parseFilter(filter).length).toBeGreaterThan(1);
  });

  test.each(examples('order'))('%s is an order', (order) => {
    expect(parseOrder(order)).toHaveLength(2);
  });

  test('names every attribute', () => {
    expect([...new Set(Object.values(ATTRIBUTES))].filter((name) => !DOCS.includes(`\`${name}\``))).toEqual(
      [],
    );
  });
});

describe('a filter is taken apart', () => {
  test.each([
    ['metrics.a.b/c > -.5e3', [{ entity: 'metric', key: 'a.b/c', operator: '>', value: -500 }]],
    ['run.`Run name`<>"it\'s"', [{ entity: 'attribute', key: 'run_name', operator: '!=', value: "it's" }]],
    ["tag.x not\n in ('a' , 'b''c')", [{ entity: 'tag', key: 'x', operator: 'NOT IN', value: ['a', "b'c"] }]],
    [
      "params.and = 'AND' AND params.`a AND b` is null",
      [
        { entity: 'param', key: 'and', operator: '=', value: 'AND' },
        { entity: 'param', key: 'a AND b', operator: 'IS NULL' },
      ],
    ],
  ])('%s', (filter, comparisons) => {
    expect(parseFilter(filter)).toEqual(comparisons);
  });

  test('of more than a hundred comparisons is refused', () => {
    const many = (count: number): string =>
      Array.from({ length: count }, () => 'metrics.a = 1').join(' AND ');
    expect(parseFilter(many(100))).toHaveLength(100);
    expect(() => parseFilter(many(101))).toThrow('more than 100 comparisons');
  });
});
