import { mkdtempDisposableSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Running, stockpot } from './contender.ts';
import { CLIENTS, get, post, quantile } from './load.ts';

/**
 * The history of a metric of a million points: a first page as clients ask for it, all pages one after the
 * other, and what the server's memory grows by meanwhile. `npm run bench:history`
 */
const POINTS = 1_000_000;
const BATCH = 1000;
const ROUNDS = 20;

interface Page {
  readonly metrics: readonly unknown[];
  readonly next_page_token?: string;
}

using folder = mkdtempDisposableSync(join(tmpdir(), 'bench-'));
await using server = await Running.start(stockpot(), folder.path);
const { port } = server;
const { run } = (await post(port, 'runs/create', { experiment_id: '0' })) as {
  run: { info: { run_id: string } };
};
const id = run.info.run_id;
const batches = Array.from({ length: POINTS / BATCH }, (_, index) => index * BATCH).values();
const lane = async (): Promise<void> => {
  for (const from of batches) await post(port, 'runs/log-batch', { run_id: id, metrics: pointsFrom(from) });
};
await Promise.all(Array.from({ length: CLIENTS }, lane));

const idleMiB = server.memory();
const times: number[] = [];
for (let round = 0; round < ROUNDS; round += 1) {
  const before = performance.now();
  await page(undefined);
  times.push(performance.now() - before);
}
const started = performance.now();
let [points, pages, mostMiB] = [0, 0, 0];
let token: string | undefined;
do {
  const { metrics, next_page_token } = await page(token);
  points += metrics.length;
  pages += 1;
  mostMiB = Math.max(mostMiB, server.memory());
  token = next_page_token;
} while (token !== undefined && token !== '');
console.log({
  points,
  pages,
  firstPageMs: { median: quantile(times, 0.5), worst: quantile(times, 1) },
  allPagesMs: Math.round(performance.now() - started),
  memoryMiB: { idle: idleMiB, most: mostMiB },
});

function pointsFrom(from: number): object[] {
  return Array.from({ length: BATCH }, (_, index) => ({
    key: 'loss',
    value: 1 / (from + index + 1),
    timestamp: 1_700_000_000_000 + from + index,
    step: from + index,
  }));
}

async function page(pageToken: string | undefined): Promise<Page> {
  const query = new URLSearchParams({ run_id: id, metric_key: 'loss', max_results: '25000' });
  if (pageToken !== undefined) query.set('page_token', pageToken);
  return (await get(port, `metrics/get-history?${query.toString()}`)) as Page;
}
