import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isDeepJson } from '../../src/core/json-depth.ts';

function depthOf(value: unknown): number {
  return typeof value === 'object' && value !== null
    ? 1 + Math.max(0, ...Object.values(value).map(depthOf))
    : 0;
}

describe('JSON is deep', () => {
  test('by the levels of its lists and maps, whatever its texts hold', () => {
    const text = fc.string({ unit: fc.constantFrom('[', ']', '{', '}', '"', '\\', 'a') });
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { depthSize: 'medium' },
        text,
        fc.array(tie('value'), { maxLength: 3 }),
        fc.dictionary(text, tie('value'), { maxKeys: 3 }),
      ),
    }));
    fc.assert(
      fc.property(value, (value) => {
        const depth = depthOf(value);
        const json = JSON.stringify(value);
        expect([isDeepJson(json, depth), isDeepJson(json, depth - 1)]).toEqual([false, depth > 0]);
      }),
    );
  });

  test.each(['"', '"[', '"\\', '"\\"[', ']]]][', ''])('not so what is none: %s', (text) => {
    expect(isDeepJson(text, 1)).toBe(false);
  });
});
