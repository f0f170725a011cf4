import { mkdirSync, mkdtempDisposableSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fingerprint } from '../../src/core/ids.ts';
import { FolderRemote } from '../../src/store/remote/folder-remote.ts';
import { RemoteCache } from '../../src/store/remote/remote-cache.ts';
import type { Result } from '../../src/store/results.ts';
import { Store } from '../../src/store/store.ts';

const START = 1_700_000_000_000;
const RETRY_MS = 2000;
const RESULT: Result = {
  v: 1,
  fingerprint: fingerprint('a'.repeat(64)),
  outputs: {},
  producer: { run: 'r', step: 's', at: START, durationMs: 1, stockpot: '0.0.0' },
};

/** A machine whose shared folder is mounted or not, as the test says. */
class Machine implements Disposable {
  readonly #dir = mkdtempDisposableSync(join(tmpdir(), 'stockpot-'));
  readonly #shared = join(this.#dir.path, 'shared');
  readonly warnings: string[] = [];
  readonly store = Store.open({ home: join(this.#dir.path, 'home'), now: () => START });
  readonly cache: RemoteCache;
  now = START;

  constructor(retryAfterMs: number | undefined) {
    mkdirSync(this.#shared);
    this.cache = new RemoteCache(new FolderRemote(this.#shared, () => this.now), this.store, {
      accepted: 'any',
      signer: undefined,
      readOnly: false,
      now: () => this.now,
      retryAfterMs,
      onWarning: (line) => void this.warnings.push(line.replace(/: .*\. /, ': …. ')),
    });
  }

  /** Whether the result is found there. */
  async finds(): Promise<boolean> {
    return (await this.cache.find(RESULT.fingerprint, { isFresh: true })) !== undefined;
  }

  unmount(): void {
    renameSync(this.#shared, `${this.#shared}-away`);
  }

  mount(): void {
    renameSync(`${this.#shared}-away`, this.#shared);
  }

  [Symbol.dispose](): void {
    this.store[Symbol.dispose]();
    this.#dir.remove();
  }
}

const GONE = "the remote cache is not used until it is back: …. This machine's own cache is";
const BACK = 'the remote cache is back, and used again';

describe('a remote that was away', () => {
  test('is asked again after the time that is said, and not before', async () => {
    using machine = new Machine(RETRY_MS);
    await machine.cache.publish(RESULT, { replace: false });
    machine.unmount();
    expect(await machine.finds()).toBe(false);
    machine.mount();
    machine.now += RETRY_MS - 1;
    expect(await machine.finds()).toBe(false);
    expect(machine.warnings).toEqual([GONE]);
    machine.now += 1;
    expect(await machine.finds()).toBe(true);
    expect(machine.warnings).toEqual([GONE, BACK]);
  });

  test('and is still away is told of once, and waited for from then on anew; each outage is told of', async () => {
    using machine = new Machine(RETRY_MS);
    await machine.cache.publish(RESULT, { replace: false });
    machine.unmount();
    for (let asked = 0; asked < 3; asked += 1) {
      expect(await machine.finds()).toBe(false);
      machine.now += RETRY_MS;
    }
    expect(await machine.finds()).toBe(false);
    machine.mount();
    machine.now += RETRY_MS - 1;
    expect(await machine.finds()).toBe(false);
    machine.now += 1;
    expect(await machine.finds()).toBe(true);
    machine.unmount();
    expect(await machine.finds()).toBe(false);
    expect(machine.warnings).toEqual([GONE, BACK, GONE]);
  });

  test('takes no call that asks nothing for a sign that it is back', async () => {
    using machine = new Machine(RETRY_MS);
    machine.unmount();
    expect(await machine.finds()).toBe(false);
    machine.now += RETRY_MS;
    expect(await machine.cache.bring([])).toEqual([]);
    expect(await machine.cache.push([])).toBe(true);
    expect(machine.warnings).toEqual([GONE]);
  });

  test('is asked again at once by a clock that was set back', async () => {
    using machine = new Machine(RETRY_MS);
    await machine.cache.publish(RESULT, { replace: false });
    machine.unmount();
    expect(await machine.finds()).toBe(false);
    machine.mount();
    machine.now -= 3_600_000;
    expect(await machine.finds()).toBe(true);
  });

  test('is not asked again by a run, however long it is', async () => {
    using machine = new Machine(undefined);
    await machine.cache.publish(RESULT, { replace: false });
    machine.unmount();
    expect(await machine.finds()).toBe(false);
    machine.mount();
    for (const passed of [1e9, -1e10]) {
      machine.now += passed;
      expect(await machine.finds()).toBe(false);
    }
    expect(await machine.cache.push([])).toBe(false);
    expect(machine.warnings).toEqual([
      "the remote cache is not used from here on: …. This machine's own cache is",
    ]);
  });
});

describe('records of flights', () => {
  test('are asked for whether or not the cache takes its remote for away', async () => {
    using machine = new Machine(undefined);
    machine.unmount();
    expect(await machine.finds()).toBe(false);
    const flight = { fingerprint: RESULT.fingerprint, nonce: '0'.repeat(32) };
    await expect(machine.cache.remote.readRecords(flight)).rejects.toThrow('shared');
    machine.mount();
    expect(await machine.cache.remote.writeRecord(flight, 'cancel', '')).toBe(true);
  });
});
