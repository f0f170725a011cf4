import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { digestOf } from '../../src/store/hash.ts';
import { shardPath } from '../../src/store/layout.ts';
import { FolderRemote } from '../../src/store/remote/folder-remote.ts';
import { RemoteUnreachable } from '../../src/store/remote/remote.ts';
import { describeCheckpoints } from '../conformance/describe-checkpoints.ts';
import { describeFetches } from '../conformance/describe-fetches.ts';
import { describeRecords } from '../conformance/describe-records.ts';
import { describeRemote, type RemoteUnderTest } from '../conformance/describe-remote.ts';
import { damageFile } from '../rigs/damage.ts';

async function folder(): Promise<RemoteUnderTest> {
  const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
  let isAway = false;
  return {
    open: () => new FolderRemote(dir, () => Date.now()),
    damage: async (digest, how) => damageFile(shardPath(join(dir, 'cas'), digest), how),
    goAway: async () => {
      isAway = true;
      renameSync(dir, `${dir}-away`);
    },
    [Symbol.asyncDispose]: async () => rmSync(isAway ? `${dir}-away` : dir, { recursive: true }),
  };
}

describeRemote('a folder', folder);
describeFetches('a folder', folder);
describeRecords('a folder', folder);
describeCheckpoints('a folder', folder);

test('a folder that goes away while something is put there is not made again, as a share may lie there later', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
  const [share, path] = [join(dir, 'share'), join(dir, 'file')];
  mkdirSync(share);
  writeFileSync(path, 'bytes');
  const remote = new FolderRemote(share, () => Date.now());
  const putting = remote.put(digestOf('bytes'), { path, size: 5 }, { replace: false });
  renameSync(share, join(dir, 'away'));
  await expect(putting).rejects.toBeInstanceOf(RemoteUnreachable);
  expect(existsSync(share)).toBe(false);
  rmSync(dir, { recursive: true });
});
