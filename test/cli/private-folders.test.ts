import { once } from 'node:events';
import { mkdtempDisposableSync, readdirSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { layOutSnapshot } from '../../src/engine/snapshot.ts';
import { unpackProject } from '../../src/executors/fleet/unpack-project.ts';
import { Store } from '../../src/store/store.ts';
import { treeText } from '../../src/store/trees.ts';
import { CliRig } from '../rigs/cli-rig.ts';
import { MultipartClient } from '../rigs/multipart.ts';
import { ServerRig } from '../rigs/server-rig.ts';

/** Whoever starts the program lets everybody read and write what it makes, if it does not see to that itself. */
async function openRig(files: Readonly<Record<string, string>>): Promise<CliRig> {
  const rig = await CliRig.create(files);
  rig.prefix = ['sh', '-c', 'umask 000; exec "$@"', 'sh'];
  return rig;
}

/** The same in this process. */
async function openly(work: () => Promise<void>): Promise<void> {
  const umask = process.umask(0);
  try {
    await work();
  } finally {
    process.umask(umask);
  }
}

/** A command that prints mode and name of each folder directly below some. */
function list(...folders: readonly string[]): string {
  return `find ${folders.map((folder) => `'${folder}'`).join(' ')} -mindepth 1 -maxdepth 1 -type d -printf '%m %f\\n'`;
}

function modeOf(path: string): string {
  return (statSync(path).mode & 0o777).toString(8);
}

describe('whatever the umask is, nobody else reads or changes', () => {
  test('where a step runs, what it says, and its checkpoint', async () => {
    await using rig = await openRig({});
    const home = join(rig.dir, '.stockpot');
    const run = `${list(`${home}/attempts`, `${home}/checkpoints`)} > $OUT_modes`;
    const step = { run, checkpoint: true, mlflow: true, outputs: { modes: 'modes.txt' } };
    await rig.write('recipe.yaml', JSON.stringify({ steps: { look: step } }));
    expect(await rig.run()).toEqual({ look: 'succeeded' });
    await rig.recipe('artifacts', 'get', ':look.modes', 'modes.txt');
    const modes = await rig.read('modes.txt');
    // The attempt, the pipes for what steps say, and the checkpoint.
    expect(modes).toMatch(/^(?:700 .+\n){3}$/);
  });

  test('what a program logs that is tracked, until it has ended', async () => {
    await using rig = await openRig({});
    const { out } = await rig.recipe('track', '--', 'sh', '-c', list(join(rig.dir, '.stockpot/recordings')));
    expect(out).toMatch(/^700 .+\n$/);
  });

  test('what a card is made of', async () => {
    await using rig = await openRig({
      'recipe.yaml': 'steps:\n  fit: { uses: ./fit.ts, outputs: { o: { path: o.json, kind: value } } }\n',
      'fit.ts': `import { statSync, writeFileSync } from 'node:fs';
import { defineStep, Type } from 'stockpot/steps';
export const step = defineStep({
  title: 'Fit', version: '1', config: Type.Object({}), inputs: {}, outputs: { o: { path: 'o.json', kind: 'value' } },
  run: ({ outputs }) => writeFileSync(outputs.o, '1'),
});
export const card = () => [{ kind: 'text', text: (statSync('.').mode & 0o777).toString(8) }];
`,
    });
    expect(await rig.run()).toEqual({ fit: 'succeeded' });
    const { out } = await rig.recipe('card', ':fit', '--json');
    expect(JSON.parse(out)).toMatchObject({
      blocks: expect.arrayContaining([{ kind: 'text', text: '700' }]),
    });
  });

  test('files that come to a server, whole or in parts, before they are there', async () => {
    await openly(async () => {
      await using rig = ServerRig.create();
      const parts = new MultipartClient(rig.app, ['0/r/artifacts', 'parts']);
      const { credentials } = await parts.begin(2);
      await parts.put(credentials[0] ?? expect.fail(), 'half');
      const [folder = ''] = pathsIn(rig.store.layout.tmp);
      expect([folder, ...pathsIn(folder)].map(modeOf)).toEqual(['700', '600']);
      const socket = connect(await rig.listen(), '127.0.0.1');
      const head = 'PUT /api/2.0/mlflow-artifacts/artifacts/0/r/artifacts/f HTTP/1.1\r\nhost: localhost\r\n';
      socket.on('error', () => {}).write(`${head}content-length: 10\r\n\r\nhalf`);
      await once(rig.app.server, 'request');
      const uploads = join(rig.dir, 'uploads');
      while (pathsIn(uploads).length === 0) await new Promise(setImmediate);
      expect([uploads, ...pathsIn(uploads)].map(modeOf)).toEqual(['700', '600']);
      socket.destroy();
    });
  });

  test('code that was sent from elsewhere, of a task or of a submitted run', async () => {
    await openly(async () => {
      using folder = mkdtempDisposableSync(join(tmpdir(), 'stockpot-'));
      const home = folder.path;
      using store = Store.open({ home, now: Date.now });
      const code = { path: 'a/b.ts', ...store.blobs.putBytes('code') };
      const { digest } = store.blobs.putBytes(treeText([code]));
      await layOutSnapshot(digest, store, join(home, 'submitted/run/project'));
      const parcel = { code: [code] } as unknown as Parameters<typeof unpackProject>[0];
      using unpacked = await unpackProject(parcel, { store, home, owner: 'w', environment: undefined });
      expect([join(home, 'submitted/run'), unpacked.dir].map(modeOf)).toEqual(['700', '700']);
    });
  });
});

function pathsIn(dir: string): readonly string[] {
  if (statSync(dir, { throwIfNoEntry: false }) === undefined) return [];
  return readdirSync(dir).map((name) => join(dir, name));
}
