import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { shardPath } from '../../src/store/layout.ts';
import { FolderRemote } from '../../src/store/remote/folder-remote.ts';
import { describeRecords } from '../conformance/describe-records.ts';
import { describeRemote, flipFirstByte, type RemoteUnderTest } from '../conformance/describe-remote.ts';

async function folder(): Promise<RemoteUnderTest> {
  const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
  let isAway = false;
  return {
    open: () => new FolderRemote(dir, () => Date.now()),
    damage: async (digest, how) => {
      const path = shardPath(join(dir, 'cas'), digest);
      if (how === 'remove') rmSync(path);
      else flipFirstByte(path);
    },
    goAway: async () => {
      isAway = true;
      renameSync(dir, `${dir}-away`);
    },
    [Symbol.asyncDispose]: async () => rmSync(isAway ? `${dir}-away` : dir, { recursive: true }),
  };
}

describeRemote('a folder', folder);
describeRecords('a folder', folder);
