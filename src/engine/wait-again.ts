import type { Digest } from '../core/ids.ts';
import { BlobDamaged } from '../store/blobs.ts';
import type { Store } from '../store/store.ts';
import { readTree } from '../store/trees.ts';
import type { RunGraph, RunNode } from './run-graph.ts';

/** How a step goes on that misses a blob of an input. */
export type WaitingAgain =
  /** Nobody makes it again. */
  | { readonly next: 'lost' }
  /** It was made again while the step ran. */
  | { readonly next: 'ready' }
  /** It is being made again. */
  | { readonly next: 'waits' }
  | { readonly next: 'rewinds'; readonly producer: RunNode };

/** Has a step wait for whoever made a blob that is lost: a step is made again once, and waited for again once. */
export function waitAgain(
  node: RunNode,
  digest: Digest,
  { graph, store }: { readonly graph: RunGraph; readonly store: Store },
): WaitingAgain {
  const producer = graph.makerOf(node, digest, (folder) => listedIn(store, folder));
  if (producer === undefined || producer.phase === 'ended' || node.waitedAgain.has(producer))
    return { next: 'lost' };
  node.waitedAgain.add(producer);
  if (producer.rewound && producer.phase === 'done') return { next: 'ready' };
  node.phase = 'pending';
  node.missing = 1;
  if (producer.rewound) {
    producer.dependents.push(node.index);
    return { next: 'waits' };
  }
  producer.rewound = true;
  producer.dependents.splice(0, producer.dependents.length, node.index);
  return { next: 'rewinds', producer };
}

/** Blobs that a folder in the store lists; undefined if the list itself is lost. */
function listedIn({ blobs }: Store, folder: Digest): ReadonlySet<Digest> | undefined {
  try {
    return new Set(readTree(blobs, folder).files.map((file) => file.digest));
  } catch (error) {
    if (error instanceof BlobDamaged) return undefined;
    throw error;
  }
}
