import { describe, expect, test } from 'vitest';
import type { Digest } from '../../src/core/ids.ts';
import type { RegisterOutcome, RegisterRequest, Registry } from '../../src/engine/registry-port.ts';
import type { Tag } from '../../src/tracking/mlflow/messages.ts';

/** An implementation that is open and empty. Its clock stands at 1000; the actor is `me`. */
export interface OpenRegistry extends AsyncDisposable {
  readonly registry: Registry;
  /** A second connection to the same registry. */
  readonly other: Registry;
  /** Digests of models whose blobs were pinned, in order. */
  readonly pinned: readonly Digest[];
  /** Registers a version as clients of MLflow do, whose files are where nobody here goes. */
  readonly asClient: (name: string, modelTags?: readonly Tag[]) => Promise<void>;
}

/** What a registry on a foreign server cannot do. */
export interface RegistryLimits {
  /** Its audit says more, or no more than the versions themselves tell. */
  readonly hasOwnAudit?: true;
  /** An alias is looked at, set and looked at again: two at once may both win for a moment. */
  readonly comparesOnly?: true;
  /** It keeps the files itself. */
  readonly pinsNothing?: true;
  /** Its clock is its own. */
  readonly hasOwnClock?: true;
}

/** What every implementation of `Registry` does. */
export function describeRegistry(
  name: string,
  open: () => Promise<OpenRegistry>,
  { hasOwnAudit, comparesOnly, pinsNothing, hasOwnClock }: RegistryLimits = {},
): void {
  const digest = (letter: string): Digest => letter.repeat(64) as Digest;
  const register = (
    registry: Registry,
    letter: string,
    more: Partial<RegisterRequest> = {},
  ): Promise<RegisterOutcome> =>
    registry.register({ name: 'm', modelDigest: digest(letter), modelSize: 1, tags: {}, ...more });
  const actions = async (registry: Registry): Promise<unknown[]> =>
    (await registry.changes('m')).map(({ action, before, after }) => [action, before, after]);

  describe(`${name}: a model version`, () => {
    test('is read back as it was registered, by number, alias and digest', async () => {
      await using opened = await open();
      const { registry } = opened;
      const { version, created } = await register(registry, 'a', {
        runId: 'r1',
        description: 'the first',
        tags: { team: 'blue' },
      });
      expect(created).toBe(true);
      expect(version).toEqual({
        name: 'm',
        version: '1',
        modelDigest: digest('a'),
        runId: 'r1',
        description: 'the first',
        tags: { team: 'blue' },
        aliases: [],
        createdAt: hasOwnClock === true ? expect.any(Number) : 1000,
      });
      await registry.moveAlias({ name: 'm', alias: 'live', version: '1', expected: undefined });
      const now = { ...version, aliases: ['live'] };
      expect(await registry.find('m', { version: '1' })).toEqual(now);
      expect(await registry.find('m', { alias: 'live' })).toEqual(now);
      expect(await registry.findByDigest('m', digest('a'))).toEqual(now);
      expect(await registry.find('m', { version: '2' })).toBeUndefined();
      expect(await registry.find('m', { alias: 'dead' })).toBeUndefined();
      expect(await registry.find('n', { version: '1' })).toBeUndefined();
      expect(await registry.findByDigest('m', digest('b'))).toBeUndefined();
    });

    test('of others is seen, and has aliases, though nobody here knows its files', async () => {
      await using opened = await open();
      const { registry } = opened;
      await opened.asClient('m');
      await register(registry, 'a');
      await opened.asClient('m');
      expect(
        (await registry.versions('m')).map(({ version, modelDigest }) => [version, modelDigest]),
      ).toEqual([
        ['3', undefined],
        ['2', digest('a')],
        ['1', undefined],
      ]);
      await registry.moveAlias({ name: 'm', alias: 'live', version: '3', expected: undefined });
      const found = {
        name: 'm',
        version: '3',
        tags: {},
        aliases: ['live'],
        createdAt: hasOwnClock === true ? expect.any(Number) : 1000,
      };
      expect(await registry.find('m', { alias: 'live' })).toEqual(found);
      expect(await registry.find('m', { version: '3' })).toEqual(found);
      expect(await registry.list()).toEqual([{ name: 'm', versions: await registry.versions('m') }]);
      expect((await registry.versions('m'))[0]).toEqual(found);
    });

    test('is of a model, not of a prompt', async () => {
      await using opened = await open();
      await opened.asClient('greeting', [{ key: 'mlflow.prompt.is_prompt', value: 'true' }]);
      await opened.asClient('m', [{ key: 'mlflow.prompt.is_prompt', value: 'false' }]);
      expect((await opened.registry.list()).map(({ name }) => name)).toEqual(['m']);
    });

    test('exists once for each model, and no number is used twice', async () => {
      await using opened = await open();
      const { registry } = opened;
      expect(await register(registry, 'a')).toMatchObject({ created: true, version: { version: '1' } });
      expect(await register(registry, 'b')).toMatchObject({ created: true, version: { version: '2' } });
      expect(await register(registry, 'a')).toMatchObject({
        created: false,
        changed: false,
        version: { version: '1' },
      });
      expect(await register(registry, 'a', { name: 'n' })).toMatchObject({ version: { version: '1' } });
    });

    test('carries the first of its reproductions, and asks for no other', async () => {
      await using opened = await open();
      const { registry } = opened;
      const asked: string[] = [];
      const reproduction = (letter: string | undefined): Pick<RegisterRequest, 'reproduction'> => ({
        reproduction: async () => {
          asked.push(letter ?? 'none');
          return letter === undefined ? undefined : { digest: digest(letter), size: 1 };
        },
      });
      // A version that was registered before there were any gets one.
      expect((await register(registry, 'a', reproduction(undefined))).version.tags).toEqual({});
      const later = await register(registry, 'a', reproduction('c'));
      expect(later).toMatchObject({ created: false, changed: true });
      expect(later.version.tags).toEqual({ 'stockpot.reproduction': digest('c') });
      expect(await register(registry, 'a', reproduction('d'))).toMatchObject({
        created: false,
        changed: false,
        version: { tags: { 'stockpot.reproduction': digest('c') } },
      });
      const { version } = await register(registry, 'b', reproduction('e'));
      expect(version.tags).toEqual({ 'stockpot.reproduction': digest('e') });
      expect(asked).toEqual(['none', 'c', 'e']);
    });

    test.skipIf(pinsNothing)(
      'is pinned before the row that needs it, and again when that is there',
      async () => {
        await using opened = await open();
        await register(opened.registry, 'a');
        expect(opened.pinned).toEqual([digest('a'), digest('a')]);
      },
    );

    test('exists once though two register it at once', async () => {
      await using opened = await open();
      const outcomes = await Promise.all(
        [opened.registry, opened.other, opened.registry, opened.other].map((one) => register(one, 'a')),
      );
      expect(outcomes.filter(({ created }) => created)).toHaveLength(1);
      expect(await opened.registry.versions('m')).toHaveLength(1);
    });

    test('takes the tags and the description of the last who registers it', async () => {
      await using opened = await open();
      const { registry } = opened;
      await register(registry, 'a', { tags: { team: 'blue', kept: '1' } });
      expect(await register(registry, 'a', { tags: { team: 'red' }, description: 'd' })).toMatchObject({
        created: false,
        changed: true,
        version: { tags: { team: 'red', kept: '1' }, description: 'd' },
      });
      expect(await register(registry, 'a', { tags: { team: 'red' } })).toMatchObject({
        changed: false,
        version: { description: 'd' },
      });
      expect(await registry.setTags('m', '1', { team: 'red' })).toBe(false);
      expect(await registry.setTags('m', '1', { team: 'green' })).toBe(true);
      if (hasOwnAudit === true) return;
      expect(await actions(registry)).toEqual([
        ['create', null, null],
        ['register', null, '1'],
        ['tag team of 1', 'blue', 'red'],
        ['description of 1', null, 'd'],
        ['tag team of 1', 'red', 'green'],
      ]);
    });

    test('stands in the lists, the newest first', async () => {
      await using opened = await open();
      const { registry } = opened;
      await register(registry, 'a', { name: 'z' });
      for (const letter of 'abcdefghijk') await register(registry, letter);
      expect((await registry.versions('m')).map(({ version }) => version).slice(0, 3)).toEqual([
        '11',
        '10',
        '9',
      ]);
      expect((await registry.list()).map(({ name: model, versions }) => [model, versions.length])).toEqual([
        ['m', 11],
        ['z', 1],
      ]);
      expect(await registry.versions('none')).toEqual([]);
    });
  });

  describe(`${name}: an alias`, () => {
    test('moves only from where it is thought to be, and every move is written down', async () => {
      await using opened = await open();
      const { registry } = opened;
      await register(registry, 'a');
      await register(registry, 'b');
      const move = (version: string, expected: string | undefined): ReturnType<Registry['moveAlias']> =>
        registry.moveAlias({ name: 'm', alias: 'live', version, expected });
      expect(await move('1', '2')).toEqual({ moved: false, version: undefined });
      expect(await move('1', undefined)).toEqual({ moved: true, version: '1' });
      expect(await move('2', undefined)).toEqual({ moved: false, version: '1' });
      expect(await move('2', '1')).toEqual({ moved: true, version: '2' });
      if (hasOwnAudit === true) {
        const known = (await registry.changes('m')).map(({ action, after }) => [action, after]);
        expect(known).toEqual(
          expect.arrayContaining([
            ['register', '1'],
            ['alias live', '1'],
            ['alias live', '2'],
          ]),
        );
        return;
      }
      expect(await registry.changes('m')).toEqual(
        [
          ['create', null, null],
          ['register', null, '1'],
          ['register', null, '2'],
          ['alias live', null, '1'],
          ['alias live', '1', '2'],
        ].map(([action, before, after]) => ({ at: 1000, actor: 'me', action, before, after })),
      );
    });

    test.skipIf(comparesOnly)('has one winner though two move it at once', async () => {
      await using opened = await open();
      for (const letter of ['a', 'b', 'c']) await register(opened.registry, letter);
      await opened.registry.moveAlias({ name: 'm', alias: 'live', version: '1', expected: undefined });
      const outcomes = await Promise.all(
        [opened.registry, opened.other].map((one, index) =>
          one.moveAlias({ name: 'm', alias: 'live', version: String(index + 2), expected: '1' }),
        ),
      );
      expect(outcomes.filter(({ moved }) => moved)).toHaveLength(1);
      const winner = outcomes.find(({ moved }) => moved)?.version;
      expect(outcomes.map(({ version }) => version)).toEqual([winner, winner]);
    });

    test('points to one version; a version may have several', async () => {
      await using opened = await open();
      const { registry } = opened;
      await register(registry, 'a');
      for (const alias of ['b', 'a'])
        await registry.moveAlias({ name: 'm', alias, version: '1', expected: undefined });
      expect((await registry.find('m', { version: '1' }))?.aliases).toEqual(['a', 'b']);
    });

    test('does not point to a version that is not there', async () => {
      await using opened = await open();
      await register(opened.registry, 'a');
      await expect(
        opened.registry.moveAlias({ name: 'm', alias: 'live', version: '9', expected: undefined }),
      ).rejects.toMatchObject({ code: 'MODEL_NOT_FOUND' });
      expect(await opened.registry.find('m', { alias: 'live' })).toBeUndefined();
    });

    test.each(['latest', 'Latest', 'v1', 'V22', '', 'a b', 'a/b', 'ä', 'x'.repeat(256)])(
      'is not called %j',
      async (alias) => {
        await using opened = await open();
        await register(opened.registry, 'a');
        await expect(
          opened.registry.moveAlias({ name: 'm', alias, version: '1', expected: undefined }),
        ).rejects.toMatchObject({ code: 'REGISTRY_NAME_INVALID' });
      },
    );

    test.each(['champion', 'v', 'v1b', 'A_b-1', 'x'.repeat(255)])('may be called %j', async (alias) => {
      await using opened = await open();
      await register(opened.registry, 'a');
      expect(
        await opened.registry.moveAlias({ name: 'm', alias, version: '1', expected: undefined }),
      ).toEqual({ moved: true, version: '1' });
    });
  });

  describe(`${name}: names of models`, () => {
    test.each(['', ' ', 'a/b', 'a:b', 'a\nb', 'x'.repeat(257)])('%j is none', async (model) => {
      await using opened = await open();
      await expect(register(opened.registry, 'a', { name: model })).rejects.toMatchObject({
        code: 'REGISTRY_NAME_INVALID',
      });
      expect(await opened.registry.list()).toEqual([]);
    });

    test.each(['a', 'flight-delay', "it's [new]", '東京', 'x'.repeat(256)])('%j is one', async (model) => {
      await using opened = await open();
      expect(await register(opened.registry, 'a', { name: model })).toMatchObject({ created: true });
      expect(await opened.registry.find(model, { version: '1' })).toMatchObject({ name: model });
    });
  });
}
