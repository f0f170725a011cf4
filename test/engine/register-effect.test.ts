import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Digest, StepId } from '../../src/core/ids.ts';
import type { Json } from '../../src/core/json.ts';
import type { EffectOutcome } from '../../src/engine/ports.ts';
import { RegisterEffect } from '../../src/engine/register-effect.ts';
import { openTrackingDb } from '../../src/tracking/sqlite/open-tracking.ts';
import { SqliteRegistry } from '../../src/tracking/sqlite/sqlite-registry.ts';

const digest = (letter: string): Digest => letter.repeat(64) as Digest;

/** The effect on a registry of its own. */
class Rig implements Disposable {
  readonly #dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
  readonly #db = openTrackingDb(join(this.#dir, 'tracking.db'));
  readonly registry = new SqliteRegistry(this.#db, { now: () => 1, actor: 'me', pin: async () => {} });
  readonly #effect = new RegisterEffect(this.registry, () => 1);

  async ask(model: string, request: { [key: string]: Json }): Promise<EffectOutcome> {
    return this.#effect.reconcile({
      step: 'register' as StepId,
      request: {
        model_name: 'm',
        alias: 'champion',
        model: digest(model),
        verdict: 'VALIDATED',
        compared_with: null,
        allow_non_validated_model: false,
        tags: {},
        description: null,
        ...request,
      },
      digests: {},
      trackedRun: 'r',
      gate: { model: 'm', alias: 'champion' },
    });
  }

  [Symbol.dispose](): void {
    this.#db.close();
    rmSync(this.#dir, { recursive: true });
  }
}

test('the alias moves only from the model that the verdict names', async () => {
  using rig = new Rig();
  expect(await rig.ask('a', {})).toMatchObject({ kind: 'done', before: null, after: { version: '1' } });
  // Judged when there was no champion, or against another one.
  for (const compared_with of [null, digest('c')])
    await expect(rig.ask('b', { compared_with })).rejects.toMatchObject({ code: 'CHAMPION_CHANGED' });
  expect((await rig.registry.find('m', { alias: 'champion' }))?.version).toBe('1');
  expect(await rig.ask('b', { compared_with: digest('a') })).toMatchObject({
    kind: 'done',
    before: { version: '1' },
    after: { version: '2' },
  });
});

test('an alias that the verdict says nothing of follows the recipe', async () => {
  using rig = new Rig();
  await rig.ask('a', { alias: 'challenger' });
  expect(await rig.ask('b', { alias: 'challenger' })).toMatchObject({ before: { version: '1' } });
});

test.each([
  ['REJECTED', true, 'the verdict is REJECTED'],
  ['UNKNOWN', false, 'the verdict is UNKNOWN'],
])('%s (allowed: %s) is not registered', async (verdict, allow, because) => {
  using rig = new Rig();
  const outcome = await rig.ask('a', { verdict, allow_non_validated_model: allow });
  expect(outcome).toEqual({ kind: 'skipped', because: expect.stringContaining(because) });
  expect(await rig.registry.list()).toEqual([]);
});

test.each([['UNKNOWN'], [null]])('%s is registered where that is allowed', async (verdict) => {
  using rig = new Rig();
  expect(await rig.ask('a', { verdict, allow_non_validated_model: true })).toMatchObject({ kind: 'done' });
});
