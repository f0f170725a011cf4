import { expect, test } from 'vitest';
import { HeardTask } from '../../src/executors/fleet/heard-task.ts';

test('a task whose inputs a worker began to fetch says again what it waits for if that broke off', () => {
  const said: string[] = [];
  const heard = new HeardTask({
    waiting: (holder) => said.push(holder),
    started: () => {},
    output: () => {},
    report: ({ type }) => said.push(type),
    exited: () => {},
  });
  heard.waitFor('the bucket');
  heard.waitFor('the bucket');
  heard.report({ type: 'progress', done: 5_000_000, unit: 'bytes', of: 'inputs' });
  heard.waitFor('the bucket');
  expect(said).toEqual(['the bucket', 'progress', 'the bucket']);
});
