import type { Readable } from 'node:stream';
import type { Digest } from '../../core/ids.ts';
import type { Database } from '../../db/sql.ts';
import type { Change } from '../mlflow/audit.ts';
import type { Findings } from './findings.ts';

/** Where files go: the server's artifacts. */
export interface FileSink {
  put(path: string, bytes: Readable): Promise<void>;
  /** A folder's content as one; undefined if there is none. */
  digestOf(folder: string): Promise<{ readonly digest: Digest; readonly size: number } | undefined>;
  /** Once there is a version of such a folder. */
  keepModel(digest: Digest): Promise<void>;
}

/** Where an experiment of the source went. */
export interface Place {
  readonly id: number;
  /** Its folder among the artifacts; undefined if they are kept elsewhere, as in `s3:`. */
  readonly folder: string | undefined;
}

/** What the steps of an import share. */
export interface ImportTarget {
  readonly database: Database;
  readonly files: FileSink;
  /** Of MLflow's own artifacts: `mlflow-artifacts:` leads there. Undefined if no files are to be copied. */
  readonly artifacts: { readonly proxied: string | undefined } | undefined;
  readonly change: Change;
  readonly isDryRun: boolean;
  readonly findings: Findings;
  /** By the id of the experiment at the source. */
  readonly places: ReadonlyMap<string, Place>;
}

/** What became of the records of one sort. */
export interface Tally {
  imported: number;
  /** Was there already, and is the same. */
  there: number;
  conflicts: number;
}

export function emptyTally(): Tally {
  return { imported: 0, there: 0, conflicts: 0 };
}
