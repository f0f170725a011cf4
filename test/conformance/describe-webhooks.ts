import { describe, expect, test } from 'vitest';
import type { Digest } from '../../src/core/ids.ts';
import {
  deleteAlias,
  deleteVersionTag,
  setAlias,
  setVersionTag,
} from '../../src/tracking/mlflow/model-versions.ts';
import {
  createModel,
  deleteModelTag,
  renameModel,
  setModelTag,
} from '../../src/tracking/mlflow/registered-models.ts';
import { approve, moveOrAsk, reject } from '../../src/tracking/protection/promotions.ts';
import { protect } from '../../src/tracking/protection/protections.ts';
import { SqlRegistry } from '../../src/tracking/sql-registry.ts';
import type { WebhookEvent } from '../../src/tracking/webhooks/webhook-event.ts';
import {
  deleteWebhook,
  listWebhooks,
  readWebhook,
  secretOf,
  updateWebhook,
  type Webhook,
  type WebhookSettings,
} from '../../src/tracking/webhooks/webhooks.ts';
import { change, newModel, newVersion, type OpenStore, outcome } from './mlflow-store.ts';
import { CREATED, claim, deliveries, newHook, told } from './webhook-store.ts';

const ALL_EVENTS: readonly WebhookEvent[] = (
  [
    ['registered_model', 'created'],
    ['model_version', 'created'],
    ['model_version_tag', 'set'],
    ['model_version_tag', 'deleted'],
    ['model_version_alias', 'created'],
    ['model_version_alias', 'deleted'],
    ['prompt', 'created'],
    ['prompt_version', 'created'],
    ['prompt_tag', 'set'],
    ['prompt_tag', 'deleted'],
    ['prompt_version_tag', 'set'],
    ['prompt_version_tag', 'deleted'],
    ['prompt_alias', 'created'],
    ['prompt_alias', 'deleted'],
  ] as const
).map(([entity, action]) => ({ entity, action }));

export function describeWebhooks(name: string, open: () => Promise<OpenStore>): void {
  describe(`${name}: a webhook`, () => {
    test('is read back as it was made, its secret apart', async () => {
      await using store = await open();
      const { database } = store;
      const made = await newHook(database, 'h', {
        description: 'tells the chat',
        events: [CREATED, { entity: 'prompt', action: 'created' }, CREATED],
      });
      expect(made).toEqual({
        id: 'h',
        name: 'hook',
        description: 'tells the chat',
        url: 'https://example.com/hook',
        events: [CREATED, { entity: 'prompt', action: 'created' }],
        ownEvents: [],
        status: 'ACTIVE',
        createdAt: 10,
        updatedAt: 10,
      });
      expect(await database.read((sql) => readWebhook(sql, 'h'))).toEqual(made);
      expect(await database.read((sql) => secretOf(sql, 'h'))).toBe('of the hook');
    });

    test.each([
      ['no name', { name: '' }],
      ['a name that begins with a dot', { name: '.a' }],
      ['a name of 64 characters', { name: 'a'.repeat(64) }],
      ['no events', { events: [] }],
      ['an event that never happens', { events: [{ entity: 'prompt', action: 'set' } as const] }],
      ['an address that is too long', { url: `https://a/${'a'.repeat(500)}` }],
      ['a secret with a NUL', { secret: 'a\0' }],
    ])('with %s is refused', async (_, more) => {
      await using store = await open();
      expect(await outcome(newHook(store.database, 'h', more))).toBe('INVALID_PARAMETER_VALUE');
    });

    test('is changed where it is said how, and stays as it was otherwise', async () => {
      await using store = await open();
      const { database } = store;
      const made = await newHook(database, 'h');
      const unchanged = {
        name: undefined,
        description: undefined,
        url: undefined,
        events: undefined,
        ownEvents: undefined,
        status: undefined,
        secret: undefined,
      };
      const update = (more: Partial<WebhookSettings>): Promise<Webhook> =>
        database.write((sql) => updateWebhook(sql, 'h', { ...unchanged, ...more }, change));
      expect(await update({ status: 'DISABLED' })).toEqual({ ...made, status: 'DISABLED', updatedAt: 50 });
      const events = [{ entity: 'prompt', action: 'created' } as const];
      expect((await update({ events, secret: '' })).events).toEqual(events);
      expect(await database.read((sql) => secretOf(sql, 'h'))).toBe('');
      const ownEvents = [{ entity: 'promotion', action: 'requested' } as const];
      expect(await update({ ownEvents })).toMatchObject({ events, ownEvents });
      expect(await update({ events: [CREATED] })).toMatchObject({ events: [CREATED], ownEvents });
      expect(await update({ ownEvents: [] })).toMatchObject({ events: [CREATED], ownEvents: [] });
      expect(await outcome(update({ name: '-' }))).toBe('INVALID_PARAMETER_VALUE');
    });

    test('is listed with the newest first, page by page', async () => {
      await using store = await open();
      const { database } = store;
      for (const [id, at] of [
        ['a', 1],
        ['b', 3],
        ['c', 2],
        ['d', 2],
      ] as const)
        await newHook(database, id, {}, at);
      const page = (pageToken?: string) =>
        database.read((sql) => listWebhooks(sql, { maxResults: 3, pageToken }));
      const first = await page();
      expect(first.webhooks.map(({ id }) => id)).toEqual(['b', 'd', 'c']);
      const second = await page(first.token.next_page_token);
      expect(second.webhooks.map(({ id }) => id)).toEqual(['a']);
      expect(second.token).toEqual({});
      for (const maxResults of [0, 1001])
        expect(
          await outcome(database.read((sql) => listWebhooks(sql, { maxResults, pageToken: undefined }))),
        ).toBe('INVALID_PARAMETER_VALUE');
    });

    test('that is deleted is gone, with what it was to be told', async () => {
      await using store = await open();
      const { database } = store;
      await newHook(database, 'h');
      await newModel(database, 'm');
      await database.write((sql) => deleteWebhook(sql, 'h', change));
      expect(await outcome(database.read((sql) => readWebhook(sql, 'h')))).toBe('RESOURCE_DOES_NOT_EXIST');
      expect(await outcome(database.write((sql) => deleteWebhook(sql, 'h', change)))).toBe(
        'RESOURCE_DOES_NOT_EXIST',
      );
      expect(await claim(database)).toBeUndefined();
    });

    test('leaves its history in the audit, and never its secret', async () => {
      await using store = await open();
      const { database } = store;
      await newHook(database, 'h');
      await database.write((sql) => deleteWebhook(sql, 'h', change));
      const rows = await database.read((sql) => sql.all('SELECT * FROM audit ORDER BY id'));
      expect(rows.map(({ action, name }) => [action, name])).toEqual([
        ['webhook', 'webhook:h'],
        ['webhook deleted', 'webhook:h'],
      ]);
      expect(JSON.stringify(rows)).not.toContain('of the hook');
    });
  });

  describe(`${name}: what a webhook is told`, () => {
    const timestamp = '1970-01-01T00:00:00.050+00:00';

    test('is each event of a model', async () => {
      await using store = await open();
      const { database } = store;
      await newHook(database, 'h', { events: ALL_EVENTS });
      await database.write(async (sql) => {
        await createModel(sql, { name: 'm', description: 'mine', tags: [{ key: 'a', value: '1' }] }, change);
        await setModelTag(sql, 'm', { key: 'b', value: '2' }, change);
        await deleteModelTag(sql, 'm', 'b', change);
      });
      await newVersion(database, 'm', { tags: [{ key: 'c', value: '3' }], runId: 'r', at: 50 });
      await database.write(async (sql) => {
        await setVersionTag(sql, 'm', '1', { key: 'd', value: '4' }, change);
        await deleteVersionTag(sql, 'm', '1', 'd', change);
        await setAlias(sql, 'm', 'champion', '1', change);
        await deleteAlias(sql, 'm', 'champion', change);
      });
      expect(await told(database)).toEqual([
        {
          entity: 'registered_model',
          action: 'created',
          timestamp,
          data: { name: 'm', tags: { a: '1' }, description: 'mine' },
        },
        {
          entity: 'model_version',
          action: 'created',
          timestamp,
          data: {
            name: 'm',
            version: '1',
            source: 's3://models/a',
            run_id: 'r',
            tags: { c: '3' },
            description: null,
          },
        },
        {
          entity: 'model_version_tag',
          action: 'set',
          timestamp,
          data: { name: 'm', version: '1', key: 'd', value: '4' },
        },
        {
          entity: 'model_version_tag',
          action: 'deleted',
          timestamp,
          data: { name: 'm', version: '1', key: 'd' },
        },
        {
          entity: 'model_version_alias',
          action: 'created',
          timestamp,
          data: { name: 'm', alias: 'champion', version: '1' },
        },
        {
          entity: 'model_version_alias',
          action: 'deleted',
          timestamp,
          data: { name: 'm', alias: 'champion' },
        },
      ]);
    });

    test('is each event of a prompt, without the tags that make it one', async () => {
      await using store = await open();
      const { database } = store;
      await newHook(database, 'h', { events: ALL_EVENTS });
      const tags = [
        { key: 'mlflow.prompt.is_prompt', value: 'true' },
        { key: '_mlflow_prompt_type', value: 'text' },
        { key: 'a', value: '1' },
      ];
      await database.write(async (sql) => {
        await createModel(sql, { name: 'p', description: undefined, tags }, change);
        await setModelTag(sql, 'p', { key: 'b', value: '2' }, change);
        await deleteModelTag(sql, 'p', 'b', change);
      });
      const text = { key: 'mlflow.prompt.text', value: 'Hello' };
      await newVersion(database, 'p', { tags: [...tags, text], description: 'first', at: 50 });
      await database.write(async (sql) => {
        await setVersionTag(sql, 'p', '1', { key: 'd', value: '4' }, change);
        await deleteVersionTag(sql, 'p', '1', 'd', change);
        await setAlias(sql, 'p', 'champion', '1', change);
        await deleteAlias(sql, 'p', 'champion', change);
      });
      const prompt = { name: 'p', tags: { a: '1' } };
      expect(await told(database)).toEqual(
        [
          ['prompt', 'created', { ...prompt, description: '' }],
          ['prompt_tag', 'set', { name: 'p', key: 'b', value: '2' }],
          ['prompt_tag', 'deleted', { name: 'p', key: 'b' }],
          ['prompt_version', 'created', { ...prompt, version: '1', template: 'Hello', description: 'first' }],
          ['prompt_version_tag', 'set', { name: 'p', version: '1', key: 'd', value: '4' }],
          ['prompt_version_tag', 'deleted', { name: 'p', version: '1', key: 'd' }],
          ['prompt_alias', 'created', { name: 'p', alias: 'champion', version: '1' }],
          ['prompt_alias', 'deleted', { name: 'p', alias: 'champion' }],
        ].map(([entity, action, data]) => ({ entity, action, timestamp, data })),
      );
    });

    test('is what recipes register and what is approved, too', async () => {
      await using store = await open();
      const { database } = store;
      await newHook(database, 'h', { events: ALL_EVENTS });
      const registry = new SqlRegistry(database, {
        now: () => 50,
        actor: 'me',
        pins: { keep: async () => {} },
      });
      const model = { name: 'm', modelDigest: 'a'.repeat(64) as Digest, modelSize: 1 };
      await registry.register({ ...model, tags: {} });
      await registry.register({ ...model, tags: { t: '1' } });
      await database.write(async (sql) => {
        await protect(sql, 'm', { alias: 'live', requires: null, approvers: ['user:bob'] }, change);
        await moveOrAsk(sql, { name: 'm', alias: 'live', version: '1', expected: undefined }, change);
        await approve(sql, '1', { actor: 'bob', at: 50, principals: ['user:bob'] });
      });
      expect((await deliveries(database)).map(({ event }) => `${event.entity}.${event.action}`)).toEqual([
        'registered_model.created',
        'model_version.created',
        'model_version_tag.set',
        'model_version_alias.created',
      ]);
    });

    test('stops no change, also where the hook is deleted or put to sleep meanwhile', async () => {
      await using store = await open();
      const { database } = store;
      const hooks = ['a', 'b', 'c', 'd', 'e', 'f'];
      for (const id of hooks) await newHook(database, id);
      const asleep = {
        name: undefined,
        description: undefined,
        url: undefined,
        events: undefined,
        ownEvents: undefined,
        secret: undefined,
        status: 'DISABLED',
      } as const;
      await Promise.all(
        hooks.flatMap((id, n) => [
          newModel(database, `${id}1`),
          database.write(async (sql) => {
            if (n % 2 === 0) await deleteWebhook(sql, id, change);
            else await updateWebhook(sql, id, asleep, change);
          }),
          newModel(database, `${id}2`),
        ]),
      );
      const row = await database.read((sql) => sql.get('SELECT count(*) AS n FROM registered_models'));
      expect(row).toEqual({ n: 12 });
    });

    test('is what becomes of the wish that a protected alias move', async () => {
      await using store = await open();
      const { database } = store;
      await newModel(database, 'm');
      for (let n = 0; n < 3; n += 1) await newVersion(database, 'm');
      await newHook(database, 'h', {
        ownEvents: (['requested', 'approved', 'rejected', 'stale'] as const).map((action) => ({
          entity: 'promotion',
          action,
        })),
      });
      const bob = { actor: 'bob', at: 50, principals: ['user:bob'] };
      const ask = (version: string, expected?: string): Promise<unknown> =>
        database.write((sql) => moveOrAsk(sql, { name: 'm', alias: 'live', version, expected }, change));
      await database.write((sql) =>
        protect(sql, 'm', { alias: 'live', requires: null, approvers: ['user:bob'] }, change),
      );
      await ask('1');
      await ask('2');
      // Asked for again it is the same wish.
      await ask('2');
      await database.write((sql) => approve(sql, '1', bob));
      await database.write((sql) => approve(sql, '2', bob));
      await ask('3', '1');
      await database.write((sql) => reject(sql, '3', bob));
      const wish = (id: number, before: string | null): object => ({
        name: 'm',
        promotion_id: String(id),
        alias: 'live',
        version: String(id),
        before,
        requested_by: 'me',
        requested_for: null,
      });
      expect(await told(database)).toEqual(
        [
          ['requested', wish(1, null)],
          ['requested', wish(2, null)],
          ['approved', { ...wish(1, null), decided_by: 'bob' }],
          ['stale', { ...wish(2, null), decided_by: 'bob' }],
          ['requested', wish(3, '1')],
          ['rejected', { ...wish(3, '1'), decided_by: 'bob' }],
        ].map(([action, data]) => ({ entity: 'promotion', action, timestamp, data })),
      );
    });

    test('is nothing that did not happen, that it does not listen to, or that it sleeps through', async () => {
      await using store = await open();
      const { database } = store;
      await newHook(database, 'h');
      await newHook(database, 'asleep', { status: 'DISABLED' });
      const failing = database.write(async (sql) => {
        await createModel(sql, { name: 'm', description: undefined, tags: [] }, change);
        throw new Error('no');
      });
      await expect(failing).rejects.toThrow('no');
      expect(await deliveries(database)).toEqual([]);
      await newModel(database, 'm');
      await newVersion(database, 'm');
      await database.write((sql) => renameModel(sql, 'm', 'n', change));
      expect((await deliveries(database)).map(({ event }) => event)).toEqual([CREATED]);
      expect(await deliveries(database, 'asleep')).toEqual([]);
    });
  });
}
