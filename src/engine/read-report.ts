import type { ReportEntry } from '../core/events.ts';
import type { Fingerprint } from '../core/ids.ts';
import { BlobDamaged, type ReadableBlobs } from '../store/blobs.ts';
import type { Results } from '../store/results.ts';

/** What reports are read from. */
export interface ReportShelf {
  readonly blobs: ReadableBlobs;
  readonly results: Pick<Results, 'read'>;
}

/** What the step of a result reported; nothing if the report is lost. */
export function readReport(store: ReportShelf, fingerprint: Fingerprint): ReportEntry[] {
  const report = store.results.read(fingerprint)?.report;
  if (report === undefined) return [];
  try {
    const text = store.blobs.read(report.digest).toString('utf8');
    return text.split('\n').map((line) => JSON.parse(line) as ReportEntry);
  } catch (error) {
    if (error instanceof BlobDamaged) return [];
    throw error;
  }
}
