import { randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream, mkdirSync, mkdtempDisposableSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { Agent, type IncomingMessage, request } from 'node:http';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Digest } from '../src/core/ids.ts';
import { systemWorld } from '../src/core/system-world.ts';
import { digestFile } from '../src/store/hash.ts';
import { HttpRemote } from '../src/store/remote/http-remote.ts';
import { inLanes } from '../src/store/remote/in-lanes.ts';
import { Store } from '../src/store/store.ts';
import { type Contender, Running, stockpot } from './contender.ts';
import { quantile } from './load.ts';

/**
 * Blobs to `recipe server` and back into another store, beside the same bytes by plain HTTP to a plain server that
 * writes and syncs them as well, and back to files that are synced: many small ones, and a large one. In turns.
 * `npm run bench:remote -- [SMALL] [MIB] [ROUNDS] [FOLDER]`; the default folder is the working one.
 */
const [small = 10_000, mebibytes = 1024, rounds = 3] = process.argv.slice(2, 5).map(Number);
/** As many as a cache has before a remote. */
const LANES = 8;

interface Blob {
  readonly digest: Digest;
  readonly path: string;
  readonly size: number;
}

using folder = mkdtempDisposableSync(join(process.argv[5] ?? '.', 'bench-'));
const { clock } = systemWorld({});
const agent = new Agent({ keepAlive: true });
const times: Record<string, number[]> = {};
console.log({ loadBefore: loadavg() });
let isFirst = true;
for (let round = 0; round < rounds; round += 1) {
  await turn('small', await make(Array.from({ length: small }, () => 1024)));
  await turn('large', await make([mebibytes * (1 << 20)]));
  // What is measured first finds the client not yet warm.
  isFirst = !isFirst;
}
agent.destroy();
console.log({
  small,
  mebibytes,
  ...Object.fromEntries(
    Object.entries(times).map(([what, all]) => [`${what} s`, Number(quantile(all, 0.5).toFixed(2))]),
  ),
  // 1 is as fast.
  ratios: Object.fromEntries(
    ['small push', 'small pull', 'large push', 'large pull'].map((what) => [what, ratio(what)]),
  ),
  loadAfter: loadavg(),
});

/** Other bytes each time: what is there already would not travel. */
async function make(sizes: readonly number[]): Promise<Blob[]> {
  const dir = join(folder.path, 'from');
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir);
  const blobs: Blob[] = [];
  for (const [index, size] of sizes.entries()) {
    const path = join(dir, String(index));
    await pipeline(blocks(size), createWriteStream(path, { flush: sizes.length === 1 }));
    blobs.push({ path, size, digest: await digestFile(path, size) });
  }
  return blobs;
}

function* blocks(size: number): Iterable<Buffer> {
  const block = randomBytes(Math.min(size, 1 << 20));
  for (let at = 0; at < size; at += block.length) yield block;
}

async function turn(what: string, blobs: readonly Blob[]): Promise<void> {
  const both = [() => plain(what, blobs), () => ours(what, blobs)];
  for (const one of isFirst ? both : both.toReversed()) await one();
}

async function plain(what: string, blobs: readonly Blob[]): Promise<void> {
  const [there, here] = emptyFolders();
  await using server = await Running.start(plainServer(there), there);
  await time(`${what} push plain`, () => inLanes(LANES, blobs, (blob) => put(server.port, blob)));
  await time(`${what} pull plain`, () => inLanes(LANES, blobs, (blob) => get(server.port, blob, here)));
}

async function ours(what: string, blobs: readonly Blob[]): Promise<void> {
  const [there, here] = emptyFolders();
  await using server = await Running.start(stockpot(), there);
  await using remote = new HttpRemote({ url: `http://127.0.0.1:${server.port}`, token: undefined, clock });
  await time(`${what} push`, async () => {
    await remote.sizes(
      blobs.map(({ digest }) => digest),
      { refresh: true },
    );
    await inLanes(LANES, blobs, (blob) => remote.put(blob.digest, blob));
  });
  using store = Store.open({ home: here, now: () => Date.now() });
  await time(`${what} pull`, async () => {
    await inLanes(LANES, blobs, async ({ digest }) => {
      const received = await store.receive(remote, digest, () => undefined);
      if (received !== 'received') throw new Error(received);
    });
    await store.blobs.settle();
  });
}

/** For the server and for the client. */
function emptyFolders(): [string, string] {
  const dirs: [string, string] = [join(folder.path, 'there'), join(folder.path, 'here')];
  for (const dir of dirs) {
    rmSync(dir, { recursive: true, force: true });
    mkdirSync(dir);
  }
  return dirs;
}

function plainServer(dir: string): Contender {
  const program = join(import.meta.dirname, 'plain-server.ts');
  return { name: 'plain', argv: (port) => [process.execPath, program, dir, String(port)] };
}

async function put(port: number, { digest, path, size }: Blob): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const headers = { 'content-length': size };
  const sent = request(
    { agent, port, host: '127.0.0.1', method: 'PUT', path: `/${digest}`, headers },
    resolve,
  );
  sent.on('error', reject);
  createReadStream(path, { highWaterMark: 1 << 20 }).pipe(sent);
  for await (const _ of await promise);
}

async function get(port: number, { digest }: Blob, into: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const sent = request({ agent, port, host: '127.0.0.1', path: `/${digest}` }, resolve);
  sent.on('error', reject);
  sent.end();
  await pipeline(await promise, createWriteStream(join(into, digest), { flush: true }));
}

async function time(what: string, work: () => Promise<unknown>): Promise<void> {
  const started = performance.now();
  await work();
  // What nobody waited for is not left to the next.
  await using dir = await open(folder.path);
  await dir.sync();
  (times[what] ??= []).push((performance.now() - started) / 1000);
}

/** How fast we are of the plain one: 1 is as fast. */
function ratio(what: string): number {
  const [own = [], other = []] = [times[what], times[`${what} plain`]];
  return Number((quantile(other, 0.5) / quantile(own, 0.5)).toFixed(2));
}
