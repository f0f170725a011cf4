import { describe, expect, test } from 'vitest';
import { CliRig } from '../rigs/cli-rig.ts';
import { inProcess } from '../rigs/in-process.ts';

async function problemOf(profile: string): Promise<string> {
  await using rig = await CliRig.create({
    'recipe.yaml': 'steps: { a: { run: [x] } }\n',
    'profiles/local.yaml': `LONG: 2h\n${profile}\n`,
  });
  const { exit, err } = await inProcess(rig.dir, 'validate', '--json');
  if (exit === 0) return 'valid';
  const { message, at } = JSON.parse(err) as { message: string; at: { file: string; column: number } };
  expect([exit, at.file]).toEqual([2, 'profiles/local.yaml']);
  return `${at.column}: ${message}`;
}

describe('what a profile says of queues is checked where it is written', () => {
  test.each([
    ['queue_timeout: 6h', 'valid'],
    ['queue_timeout: "{{ LONG }}"', 'valid'],
    ['queue_timeout: 6', '16: queue_timeout is not a duration such as 90s, 10m, 2h'],
    ['queue_timeout: 0s', '16: queue_timeout is not above 0'],
    ['queues: { gpu: { timeout: 30m, concurrency: 2 }, default: {} }', 'valid'],
    ['queues: [gpu]', '9: queues is not a map'],
    ['queues: { gpu: 2 }', '16: queues.gpu is not a map'],
    ['queues: { a b: {} }', '11: queues.a b is no name of a queue: letters, digits, _ . -'],
    ['queues: { __proto__: {} }', '11: queues.__proto__ is no name of a queue: letters, digits, _ . -'],
    ['queues: { gpu: { timeout: 0s } }', '27: queues.gpu.timeout is not above 0'],
    ['queues: { gpu: { concurrency: 0 } }', '31: queues.gpu.concurrency is not a whole number from 1'],
    ['priority: high', 'valid'],
    ['priority: urgent', '11: priority is none of high, normal, low'],
    ['queues: { gpu: { resources: { gpus: 2 } } }', '18: queues.gpu has no key resources'],
  ])('%s', async (profile, expected) => {
    expect(await problemOf(profile)).toBe(expected);
  });
});
