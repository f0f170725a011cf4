import { describe, expect, test } from 'vitest';
import { fairShare } from '../../src/executors/fleet/fair-share.ts';
import type { WaitState, WorkerState } from '../../src/executors/fleet/presence.ts';

function worker(queue: string, concurrency: number, ...runs: string[]): WorkerState {
  return {
    id: `${queue} ${concurrency}`,
    host: 'h',
    pid: 1,
    stockpot: '0',
    platform: 'p',
    queues: [queue],
    concurrency,
    cpus: 1,
    memoryBytes: 1,
    gpus: 0,
    secrets: [],
    startedAt: 0,
    isDraining: false,
    running: runs.map((run) => ({ step: 'a', run, queue, since: 0 })),
  };
}

function waitOf(run: string, queue: string): WaitState {
  return { run, step: 'a', queue, holder: 'x', since: 0 };
}

describe('the tasks that a run may have in its queues', () => {
  const workers = [worker('cpu', 4, 'me', 'other'), worker('cpu', 2), worker('gpu', 3)];

  test('are twice what their workers run, if it is alone there', () => {
    expect(fairShare('me', ['gpu'], { workers, waits: [] })).toBe(6);
    expect(fairShare('me', ['gpu'], { workers, waits: [waitOf('me', 'gpu')] })).toBe(6);
  });

  test('are shared with each run that waits there or has something running, and with no other', () => {
    const waits = [waitOf('other', 'cpu'), waitOf('third', 'cpu'), waitOf('fourth', 'gpu')];
    expect(fairShare('me', ['cpu'], { workers, waits })).toBe(4);
    expect(fairShare('me', ['cpu', 'gpu'], { workers, waits })).toBe(4 + 3);
  });

  test('are two in any case', () => {
    const waits = Array.from({ length: 50 }, (_, nth) => waitOf(`run ${nth}`, 'cpu'));
    expect(fairShare('me', ['cpu'], { workers, waits })).toBe(2);
    expect(fairShare('me', ['nobody'], { workers, waits })).toBe(2);
    expect(fairShare('me', ['gpu'], { workers: [{ ...worker('gpu', 3), isDraining: true }], waits })).toBe(2);
  });
});
