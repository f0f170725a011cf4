import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { fingerprint } from '../../src/core/ids.ts';
import { digestOf } from '../../src/store/hash.ts';
import { shardPath } from '../../src/store/layout.ts';
import { probeRemote } from '../../src/store/remote/probe-remote.ts';
import { type Remote, RemoteRefused } from '../../src/store/remote/remote.ts';
import { S3Remote } from '../../src/store/remote/s3-remote.ts';
import { describeRemote, type RemoteUnderTest } from '../conformance/describe-remote.ts';
import { ImpatientClock } from '../rigs/s3-rig.ts';

const SCRIPT = join(import.meta.dirname, 's3-server.py');
const PREFIX = 'team a/ü+100%#/';

/** An interpreter that has moto, from `npm run test:python`. */
const PYTHON = process.env['STOCKPOT_TEST_PYTHON_S3'];

interface Place {
  readonly endpoint: string;
  readonly id: string;
  readonly secret: string;
}

/** S3 as moto plays it, in a process of its own. */
class Moto implements AsyncDisposable {
  readonly place: Place;
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #lines: AsyncIterator<string>;

  private constructor(
    place: Place,
    child: ChildProcessByStdio<Writable, Readable, null>,
    lines: AsyncIterator<string>,
  ) {
    this.place = place;
    this.#child = child;
    this.#lines = lines;
  }

  static async start(): Promise<Moto> {
    const child = spawn(PYTHON ?? '', [SCRIPT], { stdio: ['pipe', 'pipe', 'ignore'] });
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const first = await lines.next();
    if (first.done === true) throw new Error('moto did not start');
    return new Moto(JSON.parse(first.value) as Place, child, lines);
  }

  open(secret = this.place.secret): S3Remote {
    const { endpoint, id } = this.place;
    return new S3Remote({
      address: { bucket: 'bucket', prefix: PREFIX, endpoint, region: 'eu-central-1' },
      credentials: { accessKeyId: id, secretAccessKey: secret, sessionToken: undefined },
      clock: new ImpatientClock(),
    });
  }

  async damage(key: string, how: 'flip' | 'remove'): Promise<void> {
    this.#child.stdin.write(`${JSON.stringify({ key, how })}\n`);
    if ((await this.#lines.next()).done === true) throw new Error('moto has ended');
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.stdin.end();
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

describe.skipIf(PYTHON === undefined)('S3 by another hand', { timeout: 60_000 }, () => {
  describeRemote('moto', async (): Promise<RemoteUnderTest> => {
    const moto = await Moto.start();
    const remotes: Remote[] = [];
    return {
      open: () => {
        const remote = moto.open();
        remotes.push(remote);
        return remote;
      },
      damage: (digest, how) => moto.damage(`${PREFIX}${shardPath('cas', digest)}`, how),
      goAway: () => moto.stop(),
      [Symbol.asyncDispose]: async () => {
        for (const remote of remotes) await remote[Symbol.asyncDispose]();
        await moto.stop();
      },
    };
  });

  test('takes signatures, parts and conditions, and no wrong secret', async () => {
    await using moto = await Moto.start();
    await using remote = moto.open();
    const dir = mkdtempSync(join(tmpdir(), 'stockpot-'));
    try {
      const bytes = Buffer.alloc(20 << 20, 'parts ');
      const file = { path: join(dir, 'file'), size: bytes.length };
      writeFileSync(file.path, bytes);
      await remote.put(digestOf(bytes), file);
      const parts: Uint8Array[] = [];
      for await (const part of (await remote.get(digestOf(bytes), 1 << 20)) ?? []) parts.push(part);
      expect(Buffer.concat(parts).equals(bytes.subarray(1 << 20))).toBe(true);
      expect(await probeRemote(remote, dir)).toEqual({ problem: undefined, isExclusive: true });
      await using wrong = moto.open('wrong');
      const refused = wrong.readResult(fingerprint('a'.repeat(64)));
      await expect(refused).rejects.toThrow(RemoteRefused);
      await expect(refused).rejects.toThrow('check AWS_SECRET_ACCESS_KEY');
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});
