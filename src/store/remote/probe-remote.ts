import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Fingerprint } from '../../core/ids.ts';
import { digestOf } from '../hash.ts';
import { isRemoteProblem, type Remote } from './remote.ts';

/** So many write a result at once: of them one may succeed. */
const WRITERS = 8;

export interface Probe {
  /** What is wrong; undefined if blobs and results come back as they were put. */
  readonly problem: string | undefined;
  /** Whether of several machines that finish a step at once one wins, and all see which. */
  readonly isExclusive: boolean;
}

/** Puts a blob and a result of a few bytes into a remote, and looks how it takes them. */
export async function probeRemote(remote: Remote, tmpDir: string): Promise<Probe> {
  const dir = await mkdtemp(join(tmpDir, 'probe-'));
  try {
    const bytes = randomBytes(32);
    const path = join(dir, 'blob');
    writeFileSync(path, bytes);
    const digest = digestOf(bytes);
    await remote.put(digest, { path, size: bytes.length }, { replace: false });
    const given: Uint8Array[] = [];
    for await (const chunk of (await remote.get(digest, 0)) ?? []) given.push(chunk);
    if (!Buffer.concat(given).equals(bytes))
      return { problem: 'a blob did not come back as it was put', isExclusive: false };
    // Named as nothing else is: the digest of random bytes.
    const name = digestOf(randomBytes(32)) as string as Fingerprint;
    const won = await Promise.all(
      Array.from({ length: WRITERS }, (_, n) => remote.writeResult(name, `{"probe":${n}}`, undefined)),
    );
    const there = await remote.readResult(name);
    // Some know how to write what is new once, and not how to replace what is still the same.
    const other = there === undefined ? undefined : { ...there, version: digestOf(there.version) };
    const replaced = await remote.writeResult(name, '{"probe":"other"}', other);
    const winners = won.filter(Boolean).length;
    return {
      problem: there === undefined ? 'a result did not come back' : undefined,
      isExclusive: !replaced && winners === 1 && there?.text === `{"probe":${won.indexOf(true)}}`,
    };
  } catch (error) {
    if (!isRemoteProblem(error)) throw error;
    return { problem: error.message, isExclusive: false };
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
