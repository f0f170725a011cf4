import { mkdtempDisposableSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  isPoison,
  readFlight,
  recordAdvance,
  recordStart,
} from '../../src/executors/fleet/flight-records.ts';
import { FolderRemote } from '../../src/store/remote/folder-remote.ts';
import { FP } from '../rigs/cache-machine.ts';

const FLIGHT = { fingerprint: FP, nonce: 'a'.repeat(32) };

/** Of so many starts without an end, those given here had saved a checkpoint that went further. */
async function afterStarts(count: number, advanced: readonly number[]): Promise<unknown> {
  using dir = mkdtempDisposableSync(join(tmpdir(), 'stockpot-'));
  const remote = new FolderRemote(dir.path, () => Date.now());
  for (let nth = 1; nth <= count; nth += 1) await recordStart(remote, FLIGHT, 'w', nth - 1);
  for (const nth of advanced) await recordAdvance(remote, FLIGHT, nth);
  const records = await readFlight(remote, FLIGHT);
  const { starts, lost, stuck } = records;
  return { starts, lost, stuck, isPoison: isPoison(records) };
}

test.each([
  [2, [], { lost: 2, stuck: 2, isPoison: false }],
  [3, [], { lost: 3, stuck: 3, isPoison: true }],
  [3, [2], { lost: 3, stuck: 2, isPoison: false }],
  [5, [1, 2, 3, 4, 5], { lost: 5, stuck: 0, isPoison: false }],
  [5, [1, 2], { lost: 5, stuck: 3, isPoison: true }],
  [30, Array.from({ length: 30 }, (_, n) => n + 1), { lost: 30, stuck: 0, isPoison: true }],
])('of %i starts without an end, of which %j went further', async (count, advanced, expected) => {
  expect(await afterStarts(count, advanced)).toEqual({ starts: count, ...expected });
});
