import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemWorld } from '../../src/core/system-world.ts';
import { Environments } from '../../src/executors/fleet/environments.ts';
import { Store } from '../../src/store/store.ts';
import { CliRig } from '../rigs/cli-rig.ts';

/** An npm that comes to no end the first time, and takes a moment to die of it. */
const NPM = `#!/bin/sh
if [ -e "$HOME/called" ]; then exec mkdir node_modules; fi
trap 'sleep 0.2; exit 1' TERM
touch "$HOME/called"
while :; do sleep 0.05; done
`;

test('packages that a step wants just as the npm of one that left is ended are made for it', async () => {
  await using rig = await CliRig.create({ 'bin/npm': NPM });
  await rig.makeExecutable('bin/npm');
  const home = join(rig.dir, '.stockpot');
  const { clock } = systemWorld({});
  using store = Store.open({ home, now: () => clock.now() });
  const env = { PATH: `${join(rig.dir, 'bin')}:${process.env['PATH'] ?? ''}`, HOME: rig.dir };
  await using environments = new Environments(home, store, { env, clock });
  const [manifest, lock] = ['{}', '{"lock":1}'].map((text) => store.blobs.putBytes(text).digest);
  if (manifest === undefined || lock === undefined) throw new Error('nothing was put');
  const packages = { manifest, lock };
  const leaving = new AbortController();
  const left = environments.of({ packages }, { signal: leaving.signal, onMaking: () => {} });
  while (!existsSync(join(rig.dir, 'called'))) await new Promise(setImmediate);
  leaving.abort(new Error('it left'));
  await expect(left).rejects.toThrow('it left');
  const { signal } = new AbortController();
  const path = await environments.of({ packages }, { signal, onMaking: () => {} });
  expect(existsSync(join(path ?? '', 'node_modules'))).toBe(true);
});
