import { mkdtempDisposableSync, readdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FETCH_FAILPOINTS } from '../../src/core/failpoint.ts';
import { CliRig } from '../rigs/cli-rig.ts';
import { S3Server } from '../rigs/s3-server.ts';
import { ServerProcess } from '../rigs/server-process.ts';
import { keysTo } from '../rigs/shared-store.ts';

const SIZE = 6_000_000;
const RECIPE = `steps:
  make: { run: 'head -c ${SIZE} /dev/urandom > "$OUT_rows"', outputs: { rows: rows.bin } }
`;

/** A shared cache, and what the command line needs to reach it. */
interface Shared extends AsyncDisposable {
  readonly address: string;
  readonly env: Readonly<Record<string, string>>;
  /** From which bytes on blobs were asked of it; undefined: it keeps no list. */
  readonly asked: () => readonly (string | undefined)[] | undefined;
}

async function folder(): Promise<Shared> {
  const made = mkdtempDisposableSync(join(tmpdir(), 'stockpot-shared-'));
  return {
    address: made.path,
    env: {},
    asked: () => undefined,
    [Symbol.asyncDispose]: async () => made.remove(),
  };
}

async function recipeServer(): Promise<Shared> {
  const home = await CliRig.create();
  const server = await ServerProcess.start(home);
  return {
    address: server.url,
    env: {},
    asked: () => undefined,
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      await home[Symbol.asyncDispose]();
    },
  };
}

async function bucket(): Promise<Shared> {
  const server = await S3Server.start();
  return {
    address: 's3://bucket/team',
    env: keysTo(server),
    asked: () =>
      server.calls
        .filter(({ method, key }) => method === 'GET' && key.includes('/cas/'))
        .map(({ headers }) => headers.range),
    [Symbol.asyncDispose]: async () => server.stop(),
  };
}

async function checkout({ address, env }: Shared): Promise<CliRig> {
  const rig = await CliRig.create({
    'recipes/main/recipe.yaml': RECIPE,
    'profiles/local.yaml': `cache: { remote: "${address}", accept: any }\n`,
  });
  Object.assign(rig.env, env);
  return rig;
}

/** What a checkout has of blobs that have not come whole: bytes by the name of the file. */
function partsOf(rig: CliRig): number[] {
  const dir = join(rig.dir, '.stockpot/cache/cas/tmp');
  return readdirSync(dir)
    .filter((name) => name.endsWith('.part'))
    .map((name) => statSync(join(dir, name)).size);
}

test.each([
  ['a folder', folder],
  ['a recipe server', recipeServer],
  ['S3', bucket],
])('a fetch from %s that is killed in the middle goes on there', async (_, open) => {
  const [place] = FETCH_FAILPOINTS;
  await using shared = await open();
  await using here = await checkout(shared);
  await using there = await checkout(shared);
  expect(await here.run()).toEqual({ make: 'succeeded' });
  there.env['STOCKPOT_FAILPOINT'] = `${place}@20`;
  expect((await there.recipe('cache', 'pull')).signal).toBe('SIGKILL');
  delete there.env['STOCKPOT_FAILPOINT'];
  const [kept = 0, ...others] = partsOf(there);
  expect(others).toEqual([]);
  expect(kept).toBeGreaterThan(0);
  const { out } = await there.recipe('cache', 'pull', '--json');
  expect(JSON.parse(out)).toEqual({ results: 1, steps: 1, bytes: SIZE - kept });
  expect(shared.asked() ?? [undefined, `bytes=${kept}-`]).toEqual([undefined, `bytes=${kept}-`]);
  expect(readdirSync(join(there.dir, '.stockpot/cache/cas/tmp')).filter((name) => /part/.test(name))).toEqual(
    [],
  );
  expect((await there.recipe('cache', 'fsck')).exit).toBe(0);
});
