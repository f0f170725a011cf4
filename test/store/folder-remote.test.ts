import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { shardPath } from '../../src/store/layout.ts';
import { FolderRemote } from '../../src/store/remote/folder-remote.ts';
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
describeRecords('a folder', folder);
