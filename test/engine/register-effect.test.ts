import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Digest, StepId } from '../../src/core/ids.ts';
import type { Json } from '../../src/core/json.ts';
import type { Database } from '../../src/db/sql.ts';
import type { EffectOutcome } from '../../src/engine/ports.ts';
import { RegisterEffect } from '../../src/engine/register-effect.ts';
import { openDatabase } from '../../src/tracking/open-database.ts';
import { protect } from '../../src/tracking/protection/protections.ts';
import { SqlRegistry } from '../../src/tracking/sql-registry.ts';

const digest = (letter: string): Digest => letter.repeat(64) as Digest;

/** The effect on a registry of its own. */
class Rig implements AsyncDisposable {
  readonly registry: SqlRegistry;
  readonly #dir: string;
  readonly #database: Database;
  readonly #effect: RegisterEffect;

  private constructor(dir: string, database: Database) {
    this.#dir = dir;
    this.#database = database;
    this.registry = new SqlRegistry(database, { now: () => 1, actor: 'me', pins: { keep: async () => {} } });
    this.#effect = new RegisterEffect(async () => this.registry, {
      bring: async () => {},
      sizeOf: () => 1,
      announce: async () => {},
      reproduction: async () => undefined,
    });
  }

  static async create(): Promise<Rig> {
    const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
    return new Rig(dir, await openDatabase(dir, undefined));
  }

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
      made: () => undefined,
      report: () => {},
    });
  }

  /** From now on the alias moves when bob approves. */
  async protect(alias: string): Promise<void> {
    const protection = { alias, requires: null, approvers: ['user:bob'] };
    await this.#database.write((sql) => protect(sql, 'm', protection, { actor: 'ann', at: 1 }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#database[Symbol.asyncDispose]();
    rmSync(this.#dir, { recursive: true });
  }
}

test('the alias moves only from the model that the verdict names', async () => {
  await using rig = await Rig.create();
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

test('an alias that is protected waits for an approval; the version is registered', async () => {
  await using rig = await Rig.create();
  await rig.ask('a', { alias: 'live' });
  await rig.protect('live');
  for (const _ of [1, 2])
    expect(await rig.ask('b', { alias: 'live' })).toEqual({
      kind: 'pending',
      state: { model: 'm', version: '2', alias: 'live' },
      promotion: '1',
    });
  expect((await rig.registry.versions('m')).map(({ aliases }) => aliases)).toEqual([[], ['live']]);
});

test('an alias that the verdict says nothing of follows the recipe', async () => {
  await using rig = await Rig.create();
  await rig.ask('a', { alias: 'challenger' });
  expect(await rig.ask('b', { alias: 'challenger' })).toMatchObject({ before: { version: '1' } });
});

test.each([
  ['REJECTED', true, 'the verdict is REJECTED'],
  ['UNKNOWN', false, 'the verdict is UNKNOWN'],
])('%s (allowed: %s) is not registered', async (verdict, allow, because) => {
  await using rig = await Rig.create();
  const outcome = await rig.ask('a', { verdict, allow_non_validated_model: allow });
  expect(outcome).toEqual({ kind: 'skipped', because: expect.stringContaining(because) });
  expect(await rig.registry.list()).toEqual([]);
});

test.each([['UNKNOWN'], [null]])('%s is registered where that is allowed', async (verdict) => {
  await using rig = await Rig.create();
  expect(await rig.ask('a', { verdict, allow_non_validated_model: true })).toMatchObject({ kind: 'done' });
});
