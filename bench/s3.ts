import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, mkdtempDisposableSync, openSync, readFileSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { AwsClient } from 'aws4fetch';
import type { Digest } from '../src/core/ids.ts';
import { systemWorld } from '../src/core/system-world.ts';
import { shardPath } from '../src/store/layout.ts';
import { inLanes } from '../src/store/remote/in-lanes.ts';
import { S3Remote } from '../src/store/remote/s3-remote.ts';
import { Store } from '../src/store/store.ts';
import { quantile } from './load.ts';

/**
 * A cache in S3 beside bare requests of aws4fetch for the same bytes, from files and to files that are synced, as many at once: 10,000
 * blobs of 1 KB, and one of 1 GiB (whole, which S3 allows up to 5 GiB, and in parts of 16 MiB). The server keeps
 * them in memory, in a thread of its own. `npm run bench:s3 -- [BLOBS] [MIB]`.
 */
const BLOBS = Number(process.argv[2] ?? 10_000);
const MIB = Number(process.argv[3] ?? 1024);
const ROUNDS = 3;
/** As `RemoteCache` has them. */
const LANES = 8;
const PART = 16 << 20;

const server = await serve();
const { endpoint, id, secret } = server;
const region = 'eu-central-1';
using folder = mkdtempDisposableSync(join(tmpdir(), 'bench-'));
const small = Array.from({ length: BLOBS }, (_, n) => blob(`small-${n}`, [Buffer.alloc(1000, `${n} `)]));
const large = blob(
  'large',
  Array.from({ length: MIB }, (_, n) => Buffer.alloc(1 << 20, `${n} `)),
);
const aws = new AwsClient({ accessKeyId: id, secretAccessKey: secret, service: 's3', region, retries: 0 });
await using remote = new S3Remote({
  address: { bucket: 'bucket', prefix: '', endpoint, region },
  credentials: { accessKeyId: id, secretAccessKey: secret, sessionToken: undefined },
  clock: systemWorld({}).clock,
});

const times: Record<string, number[]> = {};
for (let round = 0; round < ROUNDS; round += 1) {
  const into = join(folder.path, `raw-${round}`);
  mkdirSync(into);
  const rawPush = (files: readonly File[]): Promise<void> =>
    inLanes(LANES, files, async ({ path, key }) => {
      await succeeded(
        aws.fetch(`${endpoint}/bucket/raw/${key}`, { method: 'PUT', body: readFileSync(path) }),
      );
    });
  const rawPull = (files: readonly File[]): Promise<void> =>
    inLanes(LANES, files, async ({ digest, key }) => {
      const { body } = await succeeded(aws.fetch(`${endpoint}/bucket/raw/${key}`, {}));
      await using file = await open(join(into, digest), 'w');
      for await (const chunk of body ?? []) await file.write(chunk);
      await file.sync();
    });
  const home = join(folder.path, `home-${round}`);
  using store = Store.open({ home, now: () => Date.now() });
  const push = (files: readonly File[]): Promise<void> =>
    inLanes(LANES, files, (file) => remote.put(file.digest, file));
  const pull = (files: readonly File[]): Promise<void> =>
    inLanes(LANES, files, async ({ digest }) => {
      if ((await store.receive(remote, digest, () => {})) !== 'received') throw new Error(`lost: ${digest}`);
    });
  await time('small push, raw', () => rawPush(small));
  await time('small push', () => push(small));
  await time('small sizes', () =>
    remote.sizes(
      small.map(({ digest }) => digest),
      { refresh: true },
    ),
  );
  await time('small pull, raw', () => rawPull(small));
  await time('small pull', () => pull(small));
  await time('large push, raw', () => rawPush([large]));
  await time('large push in parts, raw', () => rawParts());
  await time('large push', () => push([large]));
  await time('large pull, raw', () => rawPull([large]));
  await time('large pull', () => pull([large]));
}
const median = (what: string): number => quantile(times[what] ?? [], 0.5);
console.table(
  Object.entries(times).map(([what, all]) => ({ what, all: all.join(' '), ms: quantile(all, 0.5) })),
);
console.log({
  load: loadavg()
    .map((one) => one.toFixed(1))
    .join(' '),
  ofRaw: Object.fromEntries(
    ['small push', 'small pull', 'large push', 'large pull'].map((what) => [
      what,
      `${Math.round((100 * median(`${what}, raw`)) / median(what))} %`,
    ]),
  ),
  largePushOfRawParts: `${Math.round((100 * median('large push in parts, raw')) / median('large push'))} %`,
});
await server.end();

interface File {
  readonly path: string;
  readonly size: number;
  readonly digest: Digest;
  readonly key: string;
}

function blob(name: string, parts: readonly Buffer[]): File {
  const path = join(folder.path, name);
  const hash = createHash('sha256');
  const file = openSync(path, 'w');
  let size = 0;
  for (const part of parts) {
    hash.update(part);
    size += writeSync(file, part);
  }
  closeSync(file);
  const digest = hash.digest('hex') as Digest;
  return { path, size, digest, key: shardPath('cas', digest) };
}

/** Parts of a large file with bare requests, four at once. */
async function rawParts(): Promise<void> {
  const url = `${endpoint}/bucket/raw/parts`;
  const begun = await (await succeeded(aws.fetch(`${url}?uploads=`, { method: 'POST' }))).text();
  const upload = encodeURIComponent(/<UploadId>(.*)<\/UploadId>/.exec(begun)?.[1] ?? '');
  await using file = await open(large.path);
  const tags: string[] = [];
  const numbers = Array.from({ length: Math.ceil(large.size / PART) }, (_, index) => index + 1);
  await inLanes(4, numbers, async (number) => {
    const body = Buffer.alloc(Math.min(PART, large.size - (number - 1) * PART));
    await file.read(body, 0, body.length, (number - 1) * PART);
    const part = `${url}?partNumber=${number}&uploadId=${upload}`;
    const { headers } = await succeeded(aws.fetch(part, { method: 'PUT', body }));
    tags[number] = `<Part><PartNumber>${number}</PartNumber><ETag>${headers.get('etag')}</ETag></Part>`;
  });
  const body = `<CompleteMultipartUpload>${tags.join('')}</CompleteMultipartUpload>`;
  await succeeded(aws.fetch(`${url}?uploadId=${upload}`, { method: 'POST', body }));
}

async function succeeded(answer: Promise<Response>): Promise<Response> {
  const got = await answer;
  if (!got.ok) throw new Error(`${got.status} ${await got.text()}`);
  return got;
}

async function time(what: string, work: () => Promise<unknown>): Promise<void> {
  const started = performance.now();
  await work();
  (times[what] ??= []).push(Math.round(performance.now() - started));
}

async function serve(): Promise<{
  endpoint: string;
  id: string;
  secret: string;
  end: () => Promise<unknown>;
}> {
  const worker = new Worker(
    `import { parentPort } from 'node:worker_threads';
     import { S3Server } from ${JSON.stringify(new URL('../test/rigs/s3-server.ts', import.meta.url).href)};
     const { endpoint, key } = await S3Server.start();
     parentPort.postMessage({ endpoint, ...key });`,
    { eval: true, execArgv: ['--input-type=module', '--no-warnings'] },
  );
  const said = await new Promise<{ endpoint: string; id: string; secret: string }>((resolve) =>
    worker.once('message', resolve),
  );
  return { ...said, end: () => worker.terminate() };
}
