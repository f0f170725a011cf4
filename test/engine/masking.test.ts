import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Masker } from '../../src/engine/masking.ts';

const secret = fc.string({
  minLength: 8,
  maxLength: 40,
  unit: fc.constantFrom(...Array.from('abcdefghijklmnopqrstuvwxyzABCXYZ0123456789/+"\\ ')),
});

function masked(text: string, cuts: readonly number[], secrets: readonly string[]): string {
  const masker = new Masker(secrets);
  const places = [...cuts.map((cut) => cut % (text.length + 1)), text.length].toSorted((a, b) => a - b);
  let out = '';
  let from = 0;
  for (const to of places) {
    out += masker.push(text.slice(from, to));
    from = to;
  }
  return out + masker.end();
}

describe('a secret is masked however the text is cut', () => {
  test.each([
    ['as it is', (value: string) => value],
    ['as base64', (value: string) => Buffer.from(value).toString('base64')],
    ['inside longer base64', (value: string) => Buffer.from(`x:${value}`).toString('base64')],
    ['in a URL', (value: string) => encodeURIComponent(value)],
    ['in JSON', (value: string) => JSON.stringify({ value })],
  ])('%s', (_, form) => {
    fc.assert(
      fc.property(
        secret,
        fc.string(),
        fc.string(),
        fc.array(fc.nat(), { maxLength: 6 }),
        (value, before, after, cuts) => {
          const out = masked(before + form(value) + after, cuts, [value]);
          expect(out).toContain('***');
          expect(out.includes(form(value)) && !before.includes(value) && !after.includes(value)).toBe(false);
        },
      ),
    );
  });

  test('text without a secret passes as it is', () => {
    fc.assert(
      fc.property(fc.string(), fc.array(fc.nat(), { maxLength: 6 }), (text, cuts) => {
        expect(masked(text, cuts, ['a-secret-that-does-not-occur'])).toBe(text);
      }),
    );
  });
});
