import { mkdirSync, mkdtempDisposableSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fingerprint } from '../../src/core/ids.ts';
import { systemWorld } from '../../src/core/system-world.ts';
import { CheckpointTurns } from '../../src/engine/checkpoint-turns.ts';
import { SingleFlight } from '../../src/engine/single-flight.ts';
import { MessageTaker, PutBack, type TakerOptions } from '../../src/executors/fleet/message-taker.ts';
import { parcelText } from '../../src/executors/fleet/parcel.ts';
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
const STEP = { id: 's', resources: {}, action: { run: ['true'] }, outputs: {}, inputs: {} };
const PARCEL = { stockpot: '0', run: 'r', fingerprint: FP, document: DOCUMENT };
const MESSAGE = messageOf(STEP);

function messageOf(step: object): Parameters<MessageTaker['take']>[0] {
  const parcel = { ...PARCEL, step, inputs: [], code: [], replace: false, fresh: false };
  return { fingerprint: FP, nonce: '0'.repeat(32), parcel: { text: parcelText(parcel as never) } };
}

describe('a message that came twice', () => {
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
