import { join, parse } from 'node:path';

/** Where a blob or result lies: two digits, then the whole name, so that no folder grows large. */
export function shardPath(root: string, name: string): string {
  return join(root, name.slice(0, 2), name);
}

/** The folders of one cache, which several projects and processes may share. */
export interface CacheLayout {
  readonly root: string;
  /** What is there: folders are made below it, and it is not made. */
  readonly base: string;
  readonly cas: string;
  readonly tmp: string;
  readonly results: string;
  /** Results that clients of a server share through it: nobody believes them unread. */
  readonly shared: string;
  /** One empty file for each blob that clients of a server sent: it gives them no others. */
  readonly sent: string;
  /** What machines of a fleet tell each other about one try at a task. */
  readonly flights: string;
  readonly quarantine: string;
  readonly roots: string;
}

/** @param base `root` itself where it is somebody else who makes that: a share that is mounted */
export function cacheLayout(root: string, base: string = parse(root).root): CacheLayout {
  return {
    root,
    base,
    cas: join(root, 'cas'),
    tmp: join(root, 'cas', 'tmp'),
    results: join(root, 'results'),
    shared: join(root, 'shared'),
    sent: join(root, 'sent'),
    flights: join(root, 'flights'),
    quarantine: join(root, 'quarantine'),
    roots: join(root, 'roots'),
  };
}
