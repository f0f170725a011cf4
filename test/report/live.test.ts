import { describe, expect, test } from 'vitest';
import type { RunEvent } from '../../src/core/events.ts';
import type { Fingerprint, RunId, StepId } from '../../src/core/ids.ts';
import { emptyLive, foldLive, renderFrame } from '../../src/report/live.ts';
import { PlainRenderer } from '../../src/report/plain.ts';

const step = (name: string): StepId => name as StepId;
const fingerprint = 'f'.repeat(64) as Fingerprint;

function started(steps: readonly string[]): RunEvent {
  return {
    type: 'run.started',
    seq: 1,
    at: 0,
    v: 1,
    run: 'r' as RunId,
    recipe: 'demo',
    steps: steps.map(step),
    omitted: [],
  };
}

function frame(events: readonly RunEvent[], rows = 40): string[] {
  const live = emptyLive();
  for (const event of events) foldLive(live, event);
  return renderFrame(live, { columns: 100, rows, now: 10_000, colour: false }).split('\n');
}

describe('the live view', () => {
  test('shows each step with its state, rate and what is left', () => {
    expect(
      frame([
        started(['ingest', 'split', 'train']),
        { type: 'step.cached', seq: 2, at: 0, step: step('ingest'), fingerprint, outputs: {}, savedMs: 2100 },
        { type: 'step.started', seq: 3, at: 6000, step: step('split'), fingerprint, attempt: 1 },
        {
          type: 'step.report',
          seq: 4,
          at: 9000,
          step: step('split'),
          entry: { type: 'progress', done: 250, total: 1000, unit: 'rows' },
        },
      ]),
    ).toEqual(
      [
        'demo · 1 of 3 steps · 10.0 s',
        '✓ ingest  cached, saved 2.1 s',
        '▶ split   █████░░░░░░░░░░░░░░░ 25 % · 4.0 s · 250 rows · 63/s · 12.0 s left',
        '· train ',
      ].map((line) => line.replace('· train ', '· train   ')),
    );
  });

  test('says how far the effect of a step is', () => {
    const progress = (done: number): RunEvent => ({
      type: 'step.report',
      seq: 3,
      at: 0,
      step: step('register'),
      entry: { type: 'progress', done, total: 2_000_000, unit: 'bytes', note: 'keeps what it was made from' },
    });
    const cached: RunEvent = {
      type: 'step.cached',
      seq: 2,
      at: 0,
      step: step('register'),
      fingerprint,
      outputs: {},
      savedMs: 2100,
    };
    const before = [started(['register']), progress(1), cached];
    const line = (...more: RunEvent[]): string | undefined => frame([...before, ...more])[1];
    expect(line()).toBe('✓ register  cached, saved 2.1 s');
    expect(line(progress(500_000))).toBe(
      '✓ register  cached, saved 2.1 s · keeps what it was made from · 25 %',
    );
    expect(line(progress(2_000_000))).toBe('✓ register  cached, saved 2.1 s');
    const renderer = new PlainRenderer();
    expect([...before, progress(0), progress(2_000_000)].map((event) => renderer.render(event))).toEqual([
      ['demo · 1 step'],
      [],
      ['register  cached · saved 2.1 s'],
      ['register  keeps what it was made from · 2.0 MB'],
      [],
    ]);
  });

  test('says what a step fetches before it begins, and no more once all is here', () => {
    const fetched = (done: number, total?: number): RunEvent => ({
      type: 'step.report',
      seq: 3,
      at: 0,
      step: step('train'),
      entry: {
        type: 'progress',
        done,
        unit: 'bytes',
        of: 'inputs',
        ...(total === undefined ? {} : { total }),
      },
    });
    const begun: RunEvent = {
      type: 'step.started',
      seq: 2,
      at: 6000,
      step: step('train'),
      fingerprint,
      attempt: 1,
    };
    const before = [started(['train']), begun];
    const line = (...more: RunEvent[]): string | undefined => frame([...before, ...more])[1];
    expect(line(fetched(8_000_000))).toBe('▶ train  4.0 s · fetches what it needs · 8.0 MB · 2.0 MB/s');
    expect(line(fetched(8_000_000), fetched(9_000_000, 9_000_000))).toBe('▶ train  4.0 s');
    expect(line(fetched(8_000_000), { ...begun, attempt: 2 })).toBe('▶ train  4.0 s');
    const ended: RunEvent = {
      type: 'step.succeeded',
      seq: 4,
      at: 0,
      step: step('train'),
      fingerprint,
      outputs: {},
      durationMs: 1000,
      published: true,
    };
    const renderer = new PlainRenderer();
    const all = [...before, fetched(4_000_000), fetched(8_000_000), fetched(9_000_000, 9_000_000), ended];
    expect(all.map((event) => renderer.render(event))).toEqual([
      ['demo · 1 step'],
      ['train  started'],
      ['train  fetches what it needs from the shared cache'],
      [],
      ['train  fetched 9.0 MB that it needs'],
      ['train  succeeded in 1.0 s'],
    ]);
  });

  test('says what a worker fetches for a step that has not begun, and what it waits for if that breaks off', () => {
    const about = { at: 0, step: step('s42') };
    const fetched: RunEvent = {
      ...about,
      type: 'step.report',
      seq: 3,
      entry: { type: 'progress', done: 8_000_000, unit: 'bytes', of: 'inputs' },
    };
    const waiting: RunEvent = {
      ...about,
      type: 'step.waiting',
      seq: 2,
      reason: 'queue',
      holder: 'the bucket',
    };
    const begun: RunEvent = { ...about, type: 'step.started', seq: 4, fingerprint, attempt: 1 };
    const names = Array.from({ length: 100 }, (_, n) => `s${n}`);
    const line = (...more: RunEvent[]): string | undefined => frame([started(names), ...more], 12)[1];
    expect(line(fetched)).toBe('· s42  fetches what it needs · 8.0 MB');
    expect(line(waiting, fetched)).toBe('◌ s42  fetches what it needs · 8.0 MB');
    expect(line(fetched, waiting)).toBe('◌ s42  waiting for the bucket');
    expect(line(fetched, begun)).toBe('▶ s42  10.0 s');
  });

  test('folds many steps to the height of the terminal, those that run first', () => {
    const names = Array.from({ length: 100 }, (_, n) => `s${n}`);
    const lines = frame(
      [
        started(names),
        { type: 'step.started', seq: 2, at: 9000, step: step('s42'), fingerprint, attempt: 1 },
      ],
      12,
    );
    expect(lines).toEqual(['demo · 0 of 100 steps · 10.0 s', '▶ s42  1.0 s', '  … and 99 more']);
  });
});

describe('lines for a pipe', () => {
  test('carry no control sequences of a step', () => {
    const renderer = new PlainRenderer();
    renderer.render(started(['a']));
    const lines = renderer.render({
      type: 'step.output',
      seq: 2,
      at: 0,
      step: step('a'),
      stream: 'stdout',
      text: '\u001b[31mred\u001b[0m\u0007\n',
    });
    expect(lines).toEqual(['a  | red']);
  });
});
