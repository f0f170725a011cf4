import type { Clock } from '../../src/core/world.ts';
import type { CacheLayout } from '../../src/store/layout.ts';
import type { S3Address } from '../../src/store/remote/s3-address.ts';
import { S3Remote } from '../../src/store/remote/s3-remote.ts';
import type { S3Server } from './s3-server.ts';

/** A clock whose sleepers wake at once; what they wanted is kept. */
export class ImpatientClock implements Clock {
  readonly slept: number[] = [];

  now(): number {
    return Date.now();
  }

  monotonic(): number {
    return performance.now();
  }

  async sleep(ms: number): Promise<void> {
    this.slept.push(ms);
  }
}

/** What a test says of how a server's bucket is reached; the rest is right. */
export interface Reaching extends Partial<S3Address> {
  readonly secret?: string;
  readonly keyId?: string;
  readonly sessionToken?: string;
  readonly clock?: Clock;
  /** Where uploads that have not ended are remembered. */
  readonly layout?: Pick<CacheLayout, 'tmp'>;
}

export function remoteOf(server: S3Server, reaching: Reaching = {}): S3Remote {
  const { secret, keyId, sessionToken, clock, layout, ...address } = reaching;
  return new S3Remote({
    address: { bucket: 'bucket', prefix: '', endpoint: server.endpoint, region: 'eu-central-1', ...address },
    credentials: {
      accessKeyId: keyId ?? server.key.id,
      secretAccessKey: secret ?? server.key.secret,
      sessionToken,
    },
    clock: clock ?? new ImpatientClock(),
    layout: layout && (() => layout),
  });
}
