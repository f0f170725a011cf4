import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalJson } from '../../src/core/canonical-json.ts';
import type { Json } from '../../src/core/json.ts';

describe('equal values give equal bytes', () => {
  test('whatever the order of keys', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue()), (map) => {
        const turned = Object.fromEntries(Object.entries(map).toReversed());
        expect(canonicalJson(turned as Json)).toBe(canonicalJson(map as Json));
      }),
    );
  });

  test('and read back as what they were', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(JSON.parse(canonicalJson(value as Json))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  test.each([[Number.NaN], [Infinity], ['\ud800'], [new Map()], [undefined]])('%s is no JSON', (value) => {
    expect(() => canonicalJson(value as Json)).toThrow(TypeError);
  });
});
