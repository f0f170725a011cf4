import { mkdtempDisposableSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { digestOf } from '../../src/store/hash.ts';
import { CliRig, outcomes, outcomesOf } from '../rigs/cli-rig.ts';
import { ON_TERMINAL } from '../rigs/on-terminal.ts';
import { keepingFiles, OtherServer } from '../rigs/other-server.ts';
import { ServerProcess } from '../rigs/server-process.ts';

const SIZE = 12_000_000;
const RECIPE = `steps:
  make: { run: 'head -c ${SIZE} /dev/zero > "$OUT_rows"', outputs: { rows: rows.bin } }
  count: { run: 'wc -c < "$IN_rows" > "$OUT_bytes"', inputs: { rows: make.rows }, outputs: { bytes: bytes.txt } }
`;

/** A checkout whose step `count` is another than that which others have run. */
async function checkout(remote: string, recipe = RECIPE.replace('wc -c', 'wc  -c')): Promise<CliRig> {
  return CliRig.create({
    'recipes/main/recipe.yaml': recipe,
    'profiles/local.yaml': `cache: { remote: "${remote}", accept: any }\n`,
  });
}

test('a run says how much it has fetched for a step from a server, in its events and in its log', async () => {
  await using home = await CliRig.create();
  await using server = await ServerProcess.start(home);
  await using here = await checkout(server.url, RECIPE);
  await using there = await checkout(server.url);
  await using third = await checkout(server.url, RECIPE.replace('wc -c', 'wc   -c'));
  expect(await here.run()).toEqual({ make: 'succeeded', count: 'succeeded' });
  const said = (await there.events()).flatMap((event) =>
    event.type === 'step.report' && event.entry.type === 'progress'
      ? [{ step: event.step, ...event.entry }]
      : [],
  );
  const about = { step: 'count', type: 'progress', unit: 'bytes', of: 'inputs' };
  expect(said.at(-1)).toEqual({ ...about, done: SIZE, total: SIZE });
  expect(said.slice(0, -1).map(({ done }) => Math.floor(done / (4 << 20)))).toEqual([1, 2]);
  for (const entry of said.slice(0, -1)) expect(entry).toEqual({ ...about, done: entry.done });
  const { out } = await third.recipe('run');
  expect(out.split('\n').filter((line) => line.includes('fetche'))).toEqual([
    'count  fetches what it needs from the shared cache',
    'count  fetched 12.0 MB that it needs',
  ]);
});

test('a run on a terminal shows bytes as they come', async () => {
  using shared = mkdtempDisposableSync(join(tmpdir(), 'stockpot-shared-'));
  await using here = await checkout(shared.path, RECIPE);
  await using there = await checkout(shared.path);
  await here.run();
  there.prefix = ON_TERMINAL;
  // Held up for longer than a picture stays.
  there.env['STOCKPOT_FAILPOINT'] = 'fetch.after-write@100=delay:300';
  const { exit, out } = await there.recipe('run');
  expect(exit).toBe(0);
  expect(out).toMatch(/▶ count .* · fetches what it needs · [4-6]\.\d MB · .*B\/s/);
});

test('Ctrl-C ends a fetch that brings nothing more, and the next run goes on with what came', async () => {
  const rows = Buffer.alloc(SIZE);
  const keep = keepingFiles();
  const asked: (string | undefined)[] = [];
  // The first who wants the rows gets half of them, and no end.
  await using server = await OtherServer.create((request, response) => {
    if (request.method !== 'GET' || request.url?.endsWith(digestOf(rows)) !== true)
      return keep(request, response);
    const { range } = request.headers;
    asked.push(range);
    const rest = rows.subarray(Number(/\d+/.exec(range ?? '0')?.[0]));
    response.writeHead(range === undefined ? 200 : 206, { 'content-length': rest.length });
    if (asked.length === 1) response.write(rest.subarray(0, SIZE / 2));
    else response.end(rest);
  });
  await using here = await checkout(server.urlFor(), RECIPE);
  await using there = await checkout(server.urlFor());
  await here.run();
  const { exit, out } = await there.interrupt(/"of":"inputs"/, 'SIGINT');
  expect(exit).toBe(130);
  expect(outcomesOf(out)).toEqual({ make: 'cached', count: 'cancelled' });
  const events = await there.events();
  expect(outcomes(events)).toEqual({ make: 'cached', count: 'succeeded' });
  const came = events.flatMap((event) =>
    event.type === 'step.report' && event.entry.type === 'progress' && event.entry.total !== undefined
      ? [event.entry.done]
      : [],
  );
  expect(came).toEqual([expect.any(Number)]);
  expect(asked).toEqual([undefined, `bytes=${SIZE - (came[0] ?? 0)}-`]);
});
