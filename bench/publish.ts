import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { materialise } from '../src/engine/materialise.ts';
import { Store } from '../src/store/store.ts';

/**
 * Publishing an output of 1 GiB beside what no store can do without: hashing it, and writing it through to
 * the disk (`dd conv=fsync`). And giving it to a step, which is a link. Medians of 3, in turn.
 * `npm run bench:publish -- FOLDER` on the disk to measure; the default is the working folder's.
 */
const SIZE = 1 << 30;
const ROUNDS = 3;

const dir = mkdtempSync(join(process.argv[2] ?? '.', 'bench-'));
try {
  const rounds: Record<'publish' | 'give' | 'hash' | 'dd', number>[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const file = join(dir, 'out');
    write(file, ['conv=notrunc']);
    const hash = await time(() => hashOf(file));
    const dd = await time(async () => write(join(dir, 'dd'), ['conv=fsync']));
    rmSync(join(dir, 'dd'));
    using store = Store.open({ home: join(dir, `home-${round}`), now: () => Date.now() });
    let digest = '' as Awaited<ReturnType<typeof store.blobs.putFile>>['digest'];
    // Its bytes are in memory, not on the disk, as when a step has just written them.
    write(file, ['conv=notrunc']);
    const publish = await time(async () => {
      ({ digest } = await store.blobs.putFile(file));
      await store.blobs.settle();
    });
    const into = join(dir, `in-${round}`);
    mkdirSync(into);
    const input = { name: 'data', kind: 'file', digest, from: 'store', extension: '' } as const;
    const give = await time(() => materialise(input, into, { store, projectDir: dir }));
    rounds.push({ publish, give, hash, dd });
    rmSync(join(dir, `home-${round}`), { recursive: true });
  }
  console.table(rounds);
  const [publish, give, hash, dd] = (['publish', 'give', 'hash', 'dd'] as const).map((key) =>
    median(rounds.map((one) => one[key])),
  );
  const limit = Math.max(hash ?? 0, dd ?? 0);
  console.log({ publish, hash, dd, timesLimit: Number(((publish ?? 0) / limit).toFixed(2)), give });
} finally {
  rmSync(dir, { recursive: true });
}

function write(path: string, options: readonly string[]): void {
  const args = ['if=/dev/zero', `of=${path}`, 'bs=1M', `count=${SIZE >> 20}`, 'status=none', ...options];
  const { status } = spawnSync('dd', args);
  if (status !== 0) throw new Error(`dd exited with ${status}`);
}

async function hashOf(path: string): Promise<void> {
  const state = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 4 << 20 })) state.update(chunk as Buffer);
  state.digest('hex');
}

async function time(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return Math.round((performance.now() - started) * 10) / 10;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[1] ?? 0;
}
