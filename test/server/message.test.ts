import { expect, test } from 'vitest';
import { double } from '../../src/server/message.ts';

test.each([
  ['1e3', 1000],
  [' 1', 1],
  ['+1.5', 1.5],
  ['-.5e-1', -0.05],
  ['010', 10],
  ['NaN', Number.NaN],
  ['-Infinity', -Infinity],
  ['1e400', Infinity],
])('a double may be written as a text: %s', (text, number) => {
  expect(double().read(text, 'value')).toBe(number);
});

test.each(['0x10', '0X10', ' 0b1', '0o7', '-0x10', 'nan', 'high', '1,5', ' ', ''])(
  'it is not what protobuf’s JSON does not take: %j',
  (text) => {
    expect(() => double().read(text, 'value')).toThrow(
      `Invalid value ${JSON.stringify(text)} for parameter 'value' supplied:  Hint: Value was of type 'str'.`,
    );
  },
);
