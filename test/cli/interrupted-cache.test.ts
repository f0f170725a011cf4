import { expect, test } from 'vitest';
import { digestOf } from '../../src/store/hash.ts';
import { CliRig, type Outcome } from '../rigs/cli-rig.ts';
import { keepingFiles, OtherServer } from '../rigs/other-server.ts';

/** More than the network keeps on the way: when this much was sent on, most of it has been written down. */
const SIZE = 32_000_000;
const ROWS = Buffer.alloc(SIZE);
const RECIPE = `steps: { make: { run: 'head -c ${SIZE} /dev/zero > "$OUT_rows"', outputs: { rows: rows.bin } } }\n`;

async function checkout(server: OtherServer): Promise<CliRig> {
  return CliRig.create({
    'recipes/main/recipe.yaml': RECIPE,
    'profiles/local.yaml': `cache: { remote: "${server.urlFor()}", accept: any }\n`,
  });
}

/** How a command ends that is interrupted once `begun` resolves. */
async function interrupted(rig: CliRig, begun: Promise<void>, ...args: string[]): Promise<Outcome> {
  const child = rig.start(...args);
  await begun;
  child.kill('SIGINT');
  const { exitCode, signal, stdout, stderr } = await child;
  return { exit: exitCode, signal, out: stdout, err: stderr };
}

test('Ctrl-C ends `cache pull` in the middle of a blob, and the next pull goes on with what came', async () => {
  const keep = keepingFiles();
  const isHalf = Promise.withResolvers<void>();
  const asked: (string | undefined)[] = [];
  // The first who wants the rows gets three quarters of them, and no end.
  await using server = await OtherServer.create((request, response) => {
    if (request.method !== 'GET' || request.url?.endsWith(digestOf(ROWS)) !== true)
      return keep(request, response);
    const { range } = request.headers;
    asked.push(range);
    const rest = ROWS.subarray(Number(/\d+/.exec(range ?? '0')?.[0]));
    response.writeHead(range === undefined ? 200 : 206, { 'content-length': rest.length });
    if (asked.length > 1) response.end(rest);
    else response.write(rest.subarray(0, (SIZE / 4) * 3), () => isHalf.resolve());
  });
  await using here = await checkout(server);
  await using there = await checkout(server);
  expect(await here.run()).toEqual({ make: 'succeeded' });
  const first = await interrupted(there, isHalf.promise, 'cache', 'pull', '--json');
  expect(first).toMatchObject({ exit: 130, err: '' });
  const { results, bytes } = JSON.parse(first.out) as { results: number; bytes: number };
  expect(results).toBe(0);
  expect(bytes).toBeGreaterThan(0);
  const next = await there.recipe('cache', 'pull', '--json');
  const kept = Number(/^bytes=(\d+)-$/.exec(asked[1] ?? '')?.[1]);
  expect(kept).toBeGreaterThanOrEqual(bytes);
  expect([next.exit, JSON.parse(next.out)]).toEqual([0, { results: 1, steps: 1, bytes: SIZE - kept }]);
});

test('Ctrl-C ends `cache push` in the middle of a blob, and the next push sends it', async () => {
  const keep = keepingFiles();
  const begun = Promise.withResolvers<void>();
  let isFirst = true;
  // The first who brings the rows is not listened to.
  await using server = await OtherServer.create((request, response) => {
    if (request.method !== 'PUT' || request.url?.endsWith(digestOf(ROWS)) !== true || !isFirst)
      return keep(request, response);
    isFirst = false;
    begun.resolve();
  });
  await using rig = await CliRig.create({ 'recipes/main/recipe.yaml': RECIPE });
  expect(await rig.run()).toEqual({ make: 'succeeded' });
  await rig.write('profiles/local.yaml', `cache: { remote: "${server.urlFor()}", accept: any }\n`);
  const first = await interrupted(rig, begun.promise, 'cache', 'push', '--json');
  expect(first).toMatchObject({ exit: 130, err: '' });
  expect(JSON.parse(first.out)).toMatchObject({ results: 0 });
  const next = await rig.recipe('cache', 'push', '--json');
  expect([next.exit, JSON.parse(next.out)]).toMatchObject([0, { results: 1 }]);
});
