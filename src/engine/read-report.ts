import type { ReportEntry } from '../core/events.ts';
import type { Fingerprint } from '../core/ids.ts';
import { BlobDamaged } from '../store/blobs.ts';
import type { Store } from '../store/store.ts';

/** What the step of a result reported; nothing if the report is lost. */
export function readReport(store: Store, fingerprint: Fingerprint): ReportEntry[] {
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
