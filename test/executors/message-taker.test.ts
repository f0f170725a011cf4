import { mkdirSync, mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fingerprint } from '../../src/core/ids.ts';
import { systemWorld } from '../../src/core/system-world.ts';
import { CheckpointTurns } from '../../src/engine/checkpoint-turns.ts';
import { SingleFlight } from '../../src/engine/single-flight.ts';
import type { LiveEntry } from '../../src/executors/fleet/live.ts';
import { MessageTaker, PutBack, type TakerOptions } from '../../src/executors/fleet/message-taker.ts';
import { parcelText } from '../../src/executors/fleet/parcel.ts';
import type { TaskLine } from '../../src/executors/fleet/task-line.ts';
import { digestOf } from '../../src/store/hash.ts';
import { FolderRemote } from '../../src/store/remote/folder-remote.ts';
import { RemoteCache } from '../../src/store/remote/remote-cache.ts';
import type { Result } from '../../src/store/results.ts';
import { Store } from '../../src/store/store.ts';

const DOCUMENT = '{"a":1}';
const FP = fingerprint(digestOf(DOCUMENT));
const RESULT: Result = {
  v: 1,
  fingerprint: FP,
  outputs: {},
  producer: { run: 'r', step: 's', at: 1, durationMs: 1, stockpot: '0' },
};
const ROWS = Buffer.alloc(13_000_000);
const TASK = { step: 's', run: 'r' };
const DONE = [
  { ...TASK, type: 'began' },
  { ...TASK, type: 'ended', outcome: 'succeeded', reason: 'succeeded' },
];
const STEP = { id: 's', resources: {}, action: { run: ['true'] }, outputs: {}, inputs: {} };
const PARCEL = { stockpot: '0', run: 'r', fingerprint: FP, document: DOCUMENT };
const MESSAGE = messageOf(STEP);
const NEEDS_ROWS = messageOf(STEP, [{ from: 'store', name: 'rows', digest: digestOf(ROWS), kind: 'file' }]);

function messageOf(step: object, inputs: readonly object[] = []): Parameters<MessageTaker['take']>[0] {
  const parcel = { ...PARCEL, step, inputs, code: [], replace: false, fresh: false };
  return { fingerprint: FP, nonce: '0'.repeat(32), parcel: { text: parcelText(parcel as never) } };
}

describe('a message that a worker takes', () => {
  let dir: ReturnType<typeof mkdtempDisposableSync>;
  let store: Store;
  let shared: RemoteCache;
  let said: string[];
  let executed: number;
  beforeEach(() => {
    dir = mkdtempDisposableSync(join(tmpdir(), 'stockpot-'));
    mkdirSync(join(dir.path, 'shared'));
    store = Store.open({ home: join(dir.path, 'home'), now: () => Date.now() });
    shared = new RemoteCache(new FolderRemote(join(dir.path, 'shared'), () => Date.now()), store, {
      accepted: 'any',
      signer: undefined,
      readOnly: false,
      now: () => Date.now(),
      onWarning: (line) => said.push(line),
    });
    [said, executed] = [[], 0];
  });
  afterEach(() => {
    store[Symbol.dispose]();
    dir.remove();
  });

  const taker = (options: Partial<TakerOptions>): MessageTaker =>
    new MessageTaker({
      id: 'w',
      version: '0',
      store,
      shared,
      voiceOf: () => ({ push: ({ type }) => said.push(type), flush: async () => {} }),
      announcements: { take: async () => true, release: async () => {} },
      world: systemWorld({}),
      gpus: { ids: [], areSaid: false },
      lockMs: 1000,
      onChange: () => {},
      checkpoints: { take: () => 'a checkpoint' },
      lacks: () => undefined,
      execute: async () => {
        executed += 1;
        return { ok: true, outputs: {}, durationMs: 1, published: true, report: [] };
      },
      ...options,
    });
  /** Another worker, which ends the step just then. */
  const publish = async (): Promise<boolean> => {
    await shared.publish(RESULT, { replace: false });
    return true;
  };

  /** What is said when a step is executed whose input has to be fetched, by a clock that shows these times. */
  const fetching = async (monotonic: () => number): Promise<{ heard: LiveEntry[]; lines: TaskLine[] }> => {
    const path = join(dir.path, 'rows');
    writeFileSync(path, ROWS);
    await shared.remote.put(digestOf(ROWS), { path, size: ROWS.length }, { replace: false });
    const [heard, lines]: [LiveEntry[], TaskLine[]] = [[], []];
    const world = systemWorld({});
    const execute: TakerOptions['execute'] = async () => {
      await publish();
      return { ok: true, outputs: {}, durationMs: 1, published: true, report: [] };
    };
    await taker({
      voiceOf: () => ({ push: (entry) => void heard.push(entry), flush: async () => {} }),
      onChange: (line) => lines.push(line),
      world: { ...world, clock: { ...world.clock, monotonic } },
      execute,
    }).take(NEEDS_ROWS, new AbortController().signal);
    return { heard, lines };
  };

  test('says each second how much has come of what its step needs, before that begins', async () => {
    let now = 0;
    const { heard, lines } = await fetching(() => (now += 1000));
    const progress = { type: 'progress', unit: 'bytes', of: 'inputs' };
    expect(heard).toEqual([
      ...[1, 2, 3].map(() => ({ type: 'report', entry: { ...progress, done: expect.any(Number) } })),
      { type: 'report', entry: { ...progress, done: ROWS.length, total: ROWS.length } },
      { type: 'started', worker: 'w', nth: 1 },
      { type: 'ended', worker: 'w' },
    ]);
    expect(lines).toEqual([
      { ...TASK, type: 'fetching' },
      { ...TASK, type: 'fetched', bytes: ROWS.length },
      ...DONE,
    ]);
  });

  test('says nothing of what comes within a second', async () => {
    const { heard, lines } = await fetching(() => 0);
    expect(heard.map(({ type }) => type)).toEqual(['started', 'ended']);
    expect(lines).toEqual(DONE);
  });

  test('that nobody waits for any more ends a fetch that brings nothing more, and is not executed', async () => {
    const asked = Promise.withResolvers<void>();
    const remote = Object.assign(new FolderRemote(join(dir.path, 'shared'), () => Date.now()), {
      get: async () => {
        asked.resolve();
        return new Promise<undefined>(() => {});
      },
    });
    const stalled = new RemoteCache(remote, store, {
      accepted: 'any',
      signer: undefined,
      readOnly: false,
      now: () => Date.now(),
      onWarning: (line) => said.push(line),
    });
    const one = taker({ shared: stalled });
    const taking = one.take(NEEDS_ROWS, new AbortController().signal);
    await asked.promise;
    for (const state of one.underWay) state.stop('cancelled');
    await taking;
    expect([executed, said]).toEqual([0, ['ended']]);
  });

  test('is not executed again when its first worker lets go of it just before it is taken', async () => {
    const announcements = { take: publish, release: async () => {} };
    await taker({ announcements }).take(MESSAGE, new AbortController().signal);
    expect([executed, said]).toEqual([0, ['ended']]);
  });

  test('is done with where its result is there, whoever says that it runs', async () => {
    await publish();
    const announcements = { take: async () => false, release: async () => {} };
    await taker({ announcements }).take(MESSAGE, new AbortController().signal);
    await taker({ lacks: () => 'a compiler' }).take(MESSAGE, new AbortController().signal);
    expect([executed, said]).toEqual([0, ['ended', 'ended']]);
  });

  test('waits while another runs it, or this one cannot', async () => {
    const announcements = { take: async () => false, release: async () => {} };
    const signal = new AbortController().signal;
    await expect(taker({ announcements }).take(MESSAGE, signal)).rejects.toMatchObject({ afterMs: 1000 });
    await expect(taker({ lacks: () => 'a compiler' }).take(MESSAGE, signal)).rejects.toBeInstanceOf(PutBack);
    expect([executed, said]).toEqual([0, ['waiting']]);
  });

  test('waits for its turn at the checkpoint of its task, and gives it back', async () => {
    const flights = new SingleFlight(store.index, { pid: 1, boot: '', started: '' }, 'w', () => true);
    const others = new SingleFlight(store.index, { pid: 2, boot: '', started: '' }, 'other', () => true);
    const [checkpoints, elsewhere] = [new CheckpointTurns(flights), new CheckpointTurns(others)];
    const message = messageOf({ ...STEP, checkpoint: { everyMs: 1000 } });
    const { signal } = new AbortController();
    const has = `the checkpoint of the task, which`;
    const holders: unknown[] = [];
    const waiting = taker({
      checkpoints,
      voiceOf: () => ({
        push: (entry) => void (entry.type === 'waiting' && holders.push(entry.holder)),
        flush: async () => {},
      }),
    });
    for (const turns of [elsewhere, checkpoints]) {
      using turn = turns.take(FP) as Disposable;
      expect(turn).toBeTypeOf('object');
      await expect(waiting.take(message, signal)).rejects.toBeInstanceOf(PutBack);
    }
    expect([executed, holders]).toEqual([0, [`${has} other (pid 2) uses`, `${has} another step here uses`]]);
    await publish();
    await waiting.take(message, signal);
    expect(elsewhere.take(FP)).toBeTypeOf('object');
  });
});
