import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, test } from 'vitest';

/** Opens the files that it is told of, and says first that it begins, then what went wrong. */
const OPENER = `
const { parentPort, workerData } = require('node:worker_threads');
import(workerData).then(({ openSqlite }) => {
  parentPort.on('message', (path) => {
    parentPort.postMessage('begins');
    try {
      openSqlite({ path, migrations: ['CREATE TABLE t (x)'], durability: 'full' }).close();
      parentPort.postMessage('opened');
    } catch (error) {
      parentPort.postMessage(error.message);
    }
  });
  parentPort.postMessage('ready');
});`;

const SOURCE = new URL('../../src/db/sqlite.ts', import.meta.url).href;

let dir: string;
let openers: Worker[] = [];
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
  openers = [1, 2, 3].map(() => new Worker(OPENER, { eval: true, workerData: SOURCE }));
  await Promise.all(openers.map(heard));
});
afterEach(async () => {
  for (const opener of openers) await opener.terminate();
  rmSync(dir, { recursive: true });
});

async function heard(opener: Worker): Promise<unknown> {
  const [said] = await once(opener, 'message');
  return said;
}

async function openAll(path: string): Promise<unknown[]> {
  return Promise.all(
    openers.map(async (opener) => {
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
      opener.postMessage(path);
      await heard(opener);
      return heard(opener);
    }),
  );
}

test('a file that another is about to write to, which is no WAL yet, is waited for', async () => {
  for (let round = 0; round < 20; round += 1) {
    const path = join(dir, `held-${round}.db`);
    const holder = new DatabaseSync(path, { timeout: 10_000 });
    holder.exec('CREATE TABLE other (x); BEGIN IMMEDIATE');
    const opening = openAll(path);
    await Promise.all(openers.map(heard));
    holder.exec('COMMIT');
    holder.close();
    expect(await opening).toEqual(['opened', 'opened', 'opened']);
  }
});

test('several that make a file at once all open it', async () => {
  for (let round = 0; round < 50; round += 1)
    expect(await openAll(join(dir, `new-${round}.db`))).toEqual(['opened', 'opened', 'opened']);
});
