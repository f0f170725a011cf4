import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test } from 'vitest';
import { fingerprint } from '../../src/core/ids.ts';
import { digestOf } from '../../src/store/hash.ts';
import { shardPath } from '../../src/store/layout.ts';
import { HttpRemote } from '../../src/store/remote/http-remote.ts';
import { RemoteUnreachable } from '../../src/store/remote/remote.ts';
import { CliRig } from '../rigs/cli-rig.ts';
import { ServerProcess } from '../rigs/server-process.ts';

const clock = { sleep: async () => {} };

describe('a server whose disk is full', () => {
  test.runIf(process.getuid?.() === 0)('says so, loses nothing, and goes on when there is room', async () => {
    await using rig = await CliRig.create({ 'disk/.keep': '' });
    await execa('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', 'disk'], { cwd: rig.dir });
    try {
      rig.env['STOCKPOT_CACHE'] = `${rig.dir}/disk/cache`;
      await using server = await ServerProcess.start(rig);
      await using remote = new HttpRemote({ url: server.url, token: undefined, clock });
      const path = join(rig.dir, 'file');
      const put = async (bytes: Buffer): Promise<void> => {
        writeFileSync(path, bytes);
        await remote.put(digestOf(bytes), { path, size: bytes.length });
      };
      const [first, large] = [Buffer.alloc(1_000_000, 1), Buffer.alloc(8_000_000, 2)];
      await put(first);
      const refused = put(large);
      await expect(refused).rejects.toThrow(RemoteUnreachable);
      await expect(refused).rejects.toThrow(
        /status 507, No space is left on the disk of the server: nothing was kept of this request/,
      );
      expect(readdirSync(`${rig.dir}/disk/cache/cas/tmp`)).toEqual([]);
      expect(readFileSync(shardPath(`${rig.dir}/disk/cache/cas`, digestOf(first))).equals(first)).toBe(true);
      await execa('mount', ['-o', 'remount,size=64m', 'disk'], { cwd: rig.dir });
      await put(large);
      expect(await remote.writeResult(fingerprint('a'.repeat(64)), 'result', undefined)).toBe(true);
      await server.end('SIGTERM');
    } finally {
      await execa('umount', ['disk'], { cwd: rig.dir });
    }
  });
});
