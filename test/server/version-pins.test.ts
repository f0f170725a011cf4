import { existsSync, globSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Digest } from '../../src/core/ids.ts';
import { REPRODUCTION_TAG } from '../../src/engine/reproduction.ts';
import { collectGarbage } from '../../src/store/gc.ts';
import { isPinned } from '../../src/store/roots.ts';
import { treeText } from '../../src/store/trees.ts';
import { SqlRegistry } from '../../src/tracking/sql-registry.ts';
import { VersionPins } from '../../src/tracking/version-pins.ts';
import { HOST, ServerRig } from '../rigs/server-rig.ts';

const FILES = '/api/2.0/mlflow-artifacts/artifacts';
const DAYS = 86_400_000;

/** Puts a model's folder among the artifacts, registers it for each name, and takes the files away. */
async function register(rig: ServerRig, ...names: string[]): Promise<Digest> {
  const url = `${FILES}/0/upload/MLmodel`;
  await rig.app.inject({ method: 'PUT', url, headers: HOST, payload: 'flavors: {}' });
  for (const name of names) {
    await rig.post('registered-models/create', { name });
    await rig.post('model-versions/create', { name, source: 'mlflow-artifacts:/0/upload' });
  }
  await rig.app.inject({ method: 'DELETE', url, headers: HOST });
  const row = await rig.database.read((sql) => sql.get('SELECT model_digest FROM model_versions'));
  return row?.['model_digest'] as Digest;
}

function registryOf({ database, store, dir }: ServerRig): SqlRegistry {
  const pins = new VersionPins({ store, home: dir, database: undefined });
  return new SqlRegistry(database, { now: () => 1, actor: 'ann', pins });
}

function collect({ store }: ServerRig): void {
  collectGarbage(store, { maxBytes: 0, now: Date.now() + 2 * DAYS, dryRun: false, kept: new Set() });
}

describe('gc takes the files of versions that were deleted', () => {
  test('when no other version has them, of whatever model', async () => {
    await using rig = ServerRig.create();
    const model = await register(rig, 'm', 'n', 'o');
    await rig.send('DELETE', 'model-versions/delete', { name: 'm', version: '1' });
    await rig.send('DELETE', 'registered-models/delete', { name: 'n' });
    collect(rig);
    expect(await rig.store.blobs.verify(model)).toBe('ok');
    await rig.send('DELETE', 'model-versions/delete', { name: 'o', version: '1' });
    collect(rig);
    expect(await rig.store.blobs.verify(model)).toBe('missing');
  });

  test('and what they could be made from again', async () => {
    await using rig = ServerRig.create();
    const { blobs } = rig.store;
    const file = blobs.putBytes('{}');
    const tree = blobs.putBytes(treeText([{ path: 'reproduction.json', ...file }]));
    const registry = registryOf(rig);
    for (const [name, letter] of [
      ['m', 'a'],
      ['n', 'b'],
    ] as const)
      await registry.register({
        name,
        modelDigest: letter.repeat(64) as Digest,
        modelSize: 1,
        tags: {},
        reproduction: async () => tree,
      });
    await rig.send('DELETE', 'registered-models/delete', { name: 'm' });
    collect(rig);
    expect([tree, file].map(({ digest }) => existsSync(blobs.path(digest)))).toEqual([true, true]);
    await rig.send('DELETE', 'registered-models/delete', { name: 'n' });
    collect(rig);
    expect([tree, file].map(({ digest }) => existsSync(blobs.path(digest)))).toEqual([false, false]);
  });

  test('but not those of one that is registered meanwhile', async () => {
    await using rig = ServerRig.create();
    const model = await register(rig, 'm');
    const { version } = await registryOf(rig).register({
      name: 'n',
      modelDigest: model,
      modelSize: 1,
      tags: {},
      // What pins the model is there already, its row is not.
      reproduction: async () => {
        await rig.send('DELETE', 'registered-models/delete', { name: 'm' });
        expect(isPinned(rig.store, rig.dir, `model-${model}`)).toBe(false);
        return undefined;
      },
    });
    expect(version.tags[REPRODUCTION_TAG]).toBeUndefined();
    collect(rig);
    expect(await rig.store.blobs.verify(model)).toBe('ok');
  });

  test('of one database, wherever they were pinned for it, and of no other', async () => {
    await using rig = ServerRig.create();
    const blob = { kind: 'model', digest: 'a'.repeat(64) as Digest } as const;
    const home = mkdtempSync(join(tmpdir(), 'stockpot-'));
    const pins = (database: string | undefined, dir = rig.dir): VersionPins =>
      new VersionPins({ store: rig.store, home: dir, database });
    for (const one of [
      pins('postgres://a/b'),
      pins('postgres://a/b', home),
      pins('postgres://a/c'),
      pins(undefined),
    ])
      await one.keep(blob);
    const pinned = (): number => globSync('*/*', { cwd: rig.store.layout.roots }).length;
    expect(pinned()).toBe(4);
    await pins('postgres://a/b').release(rig.database, [blob]);
    expect(pinned()).toBe(2);
    await pins(undefined).release(rig.database, [blob]);
    expect(pinned()).toBe(1);
    rmSync(home, { recursive: true });
  });
});
