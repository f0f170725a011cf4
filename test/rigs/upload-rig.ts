import { readdirSync, readFileSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { shardPath } from '../../src/store/layout.ts';
import { RemoteUnreachable } from '../../src/store/remote/remote.ts';
import { CacheMachine } from './cache-machine.ts';
import type { LargeFile } from './large-file.ts';
import { remoteOf } from './s3-rig.ts';
import { type S3Fault, S3Server } from './s3-server.ts';

const MIB = 1 << 20;
const BUSY: S3Fault = { status: 503, code: 'SlowDown' };

export function keyOf({ digest }: LargeFile, bucket = 'bucket'): string {
  return `${bucket}/${shardPath('cas', digest)}`;
}

/** A machine that sends files to buckets of one server, each time as another process would. */
export class UploadRig implements AsyncDisposable {
  readonly server: S3Server;
  readonly machine = new CacheMachine();

  private constructor(server: S3Server) {
    this.server = server;
  }

  static async create(pageSize = 1000): Promise<UploadRig> {
    return new UploadRig(await S3Server.start({ buckets: ['bucket', 'other'], pageSize }));
  }

  async put(file: LargeFile, onBytes: (count: number) => void = () => {}, bucket = 'bucket'): Promise<void> {
    await using remote = remoteOf(this.server, { bucket, layout: this.machine.store.layout });
    await remote.put(file.digest, file, { onBytes });
  }

  /** Sends a file whose last part does not arrive. */
  async breakOff(file: LargeFile, bucket = 'bucket'): Promise<void> {
    const lacking = file.size > 32 * MIB ? '3' : '2';
    this.server.fault = ({ query }) => (query.get('partNumber') === lacking ? BUSY : undefined);
    const [outcome] = await Promise.allSettled([this.put(file, undefined, bucket)]);
    if (outcome.status === 'fulfilled') throw new Error('all parts have arrived');
    if (!(outcome.reason instanceof RemoteUnreachable)) throw outcome.reason;
    this.server.fault = () => undefined;
    this.server.calls.length = 0;
  }

  /** Numbers of the parts that were sent since it was asked last. */
  sent(): number[] {
    const calls = this.server.calls.splice(0).filter(({ query }) => query.has('partNumber'));
    return calls.map(({ query }) => Number(query.get('partNumber'))).toSorted((a, b) => a - b);
  }

  /** Where this machine remembers uploads. */
  records(): string[] {
    const { tmp } = this.machine.store.layout;
    return readdirSync(tmp)
      .filter((name) => name.endsWith('.upload'))
      .map((name) => join(tmp, name));
  }

  /** Makes all records so many milliseconds old. */
  age(ms: number): void {
    const at = (Date.now() - ms) / 1000;
    for (const path of this.records()) utimesSync(path, at, at);
  }

  /** Whether the bucket has the file, and what else it and this machine have of uploads. */
  outcome(file: LargeFile): { isWhole: boolean; uploads: number; records: number } {
    const there = this.server.objects.get(keyOf(file))?.bytes;
    const isWhole = there?.equals(readFileSync(file.path)) === true;
    return { isWhole, uploads: this.server.uploads.size, records: this.records().length };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    this.machine[Symbol.dispose]();
  }
}
