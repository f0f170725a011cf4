import { array, assert, boolean, nat, option, property, record } from 'fast-check';
import { describe, expect, test } from 'vitest';
import { visibleGpus } from '../../src/core/gpu-ids.ts';
import type { StepId } from '../../src/core/ids.ts';
import type { PlanStep } from '../../src/core/plan.ts';
import { Gpus } from '../../src/engine/gpus.ts';
import { Room } from '../../src/engine/room.ts';
import type { Machine } from '../../src/engine/run-options.ts';

function machine(ids: readonly string[], areSaid = false, isElsewhere = false): Machine {
  return { cpus: 2, memoryBytes: 1e9, gpus: { ids, areSaid }, isElsewhere: () => isElsewhere };
}

function step(id: string, gpus?: number): PlanStep {
  const resources = gpus === undefined ? {} : { gpus };
  return { id: id as StepId, limits: [] as readonly string[], resources } as PlanStep;
}

function roomOf(...args: Parameters<typeof machine>): Room {
  return new Room(machine(...args), () => 100);
}

describe('GPUs', () => {
  const ids = ['0', '1', 'GPU-8932f937', '7'];

  test('are never two steps’, go back once, and all of them, whatever enters and leaves when', () => {
    const moves = array(record({ step: nat(9), gpus: option(nat(ids.length)) }), {
      maxLength: 60,
    });
    assert(
      property(moves, boolean(), (all, areSaid) => {
        const room = roomOf(ids, areSaid);
        const inside = new Map<number, PlanStep>();
        for (const { step: number, gpus } of all) {
          const there = inside.get(number);
          const next = step(`s${number}`, gpus ?? undefined);
          if (there !== undefined) {
            room.leave(there);
            inside.delete(number);
          } else {
            const taken = [...inside.values()].reduce((sum, one) => sum + (one.resources.gpus ?? 0), 0);
            const holder = room.blockedBy(next)?.holder;
            expect(holder === 'gpus').toBe(taken + (gpus ?? 0) > ids.length);
            if (holder === 'gpus') continue;
            room.enter(next);
            inside.set(number, next);
          }
          const held = [...inside.values()].map((one) => ({ one, seen: room.gpusOf(one) }));
          for (const { one, seen } of held)
            expect(seen?.length).toBe(one.resources.gpus ?? (areSaid ? 0 : undefined));
          const seen = held.flatMap((each) => each.seen ?? []);
          expect(new Set(seen).size).toBe(seen.length);
          expect(ids).toEqual(expect.arrayContaining(seen));
        }
        for (const one of inside.values()) room.leave(one);
        const last = step('last', ids.length);
        expect(room.blockedBy(last)).toBeUndefined();
        room.enter(last);
        expect(room.gpusOf(last)).toEqual(ids);
      }),
    );
  });

  test('of a step that left twice are not taken from who has them now', () => {
    const room = roomOf(['0']);
    const [first, second] = [step('a', 1), step('b', 1)];
    room.enter(first);
    room.leave(first);
    room.enter(second);
    room.leave(first);
    expect(room.blockedBy(step('c', 1))).toEqual({ reason: 'resources', holder: 'gpus' });
  });

  test('that are given back twice, at a process’s exit and at the attempt’s end, go back once', () => {
    const gpus = new Gpus({ ids: ['0'], areSaid: false });
    const one = step('a', 1);
    const first = gpus.take(one);
    first[Symbol.dispose]();
    expect(gpus.take(one).visible).toEqual(['0']);
    first[Symbol.dispose]();
    expect([gpus.areFree(one), first.visible]).toEqual([false, ['0']]);
  });

  test('of this machine are not asked for what runs on another', () => {
    const room = roomOf([], false, true);
    const far = step('a', 8);
    expect(room.blockedBy(far)).toBeUndefined();
    room.enter(far);
    expect(room.gpusOf(far)).toBeUndefined();
  });
});

test.each([
  ['0,2', ['0', '2']],
  [
    'GPU-8932f937-d72c-4106-c12f-20bd9faed9f6, MIG-GPU-8932f937/1/0',
    ['GPU-8932f937-d72c-4106-c12f-20bd9faed9f6', 'MIG-GPU-8932f937/1/0'],
  ],
  ['3', ['3']],
  ['', []],
  ['-1', []],
  ['NoDevFiles', []],
  ['1,-1,0', ['1']],
  ['1,1,0', ['1', '0']],
])('CUDA_VISIBLE_DEVICES=%s lets programs see %j', (text, ids) => {
  expect(visibleGpus(text)).toEqual(ids);
});
