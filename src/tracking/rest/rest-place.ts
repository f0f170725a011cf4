import { credentialsFor } from '../../client/credentials-for.ts';
import type { Store } from '../../store/store.ts';
import type { Approvals } from '../protection/approvals.ts';
import { StoredFiles } from './artifact-files.ts';
import { restApprovals } from './rest-approvals.ts';
import { RestClient } from './rest-client.ts';
import { RestRegistry } from './rest-registry.ts';
import { RestTracking } from './rest-tracking.ts';

export interface RestPlaceOptions {
  readonly url: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Who asked for what is done, if that is not whose credentials these are. */
  readonly asker: string | undefined;
  readonly store: () => Store;
  readonly now: () => number;
}

/** What one MLflow server keeps. */
export interface RestPlace {
  readonly tracking: RestTracking;
  readonly registry: RestRegistry;
  readonly approvals: Approvals;
}

/** Asks nothing of the server yet. */
export function openRestPlace({ url, env, asker, store, now }: RestPlaceOptions): RestPlace {
  const client = new RestClient({ url, authorization: credentialsFor(new URL(url), env), asker, now });
  const files = new StoredFiles(store);
  const tracking = new RestTracking(client, files);
  return {
    tracking,
    registry: new RestRegistry({ client, tracking, files, now }),
    approvals: restApprovals(client),
  };
}
