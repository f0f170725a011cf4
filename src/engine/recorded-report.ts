import type { OutputRef, ReportEntry } from '../core/events.ts';
import type { Json } from '../core/json.ts';
import type { RecordedRun, Recording } from './recorder-port.ts';
import type { DatasetWrite } from './tracking-port.ts';

/** Entries of a report for all that was logged but files. */
export function recordedReport({ own, nested, warnings }: Recording): ReportEntry[] {
  return [
    ...entriesOf(own),
    ...nested.flatMap(({ number: run, name, status, parent, startTime, endTime, ...logged }) => [
      {
        type: 'run' as const,
        run,
        name,
        status,
        ...(parent === undefined ? {} : { parent }),
        ...(startTime === undefined ? {} : { startTime }),
        ...(endTime === undefined ? {} : { endTime }),
      },
      ...entriesOf(logged, run),
    ]),
    ...warnings.map((message) => ({ type: 'warning' as const, message })),
  ];
}

/** A file or folder that was logged, as it is kept. */
export interface RecordedArtifact extends OutputRef {
  readonly path: string;
  /** Number of the nested run that logged it. */
  readonly run?: string;
}

/** Entries of a report for files that are in the store. */
export function artifactEntries(artifacts: readonly RecordedArtifact[]): ReportEntry[] {
  return artifacts.map((artifact) => ({ type: 'artifact', ...artifact }));
}

function entriesOf({ params, metrics, tags, datasets }: RecordedRun, number?: string): ReportEntry[] {
  const run = number === undefined ? {} : { run: number };
  return [
    ...params.map(({ key, value }) => ({ type: 'param' as const, key, value, ...run })),
    ...metrics.map(({ key, value, step, timestamp }) => ({
      type: 'metric' as const,
      key,
      value: Number.isNaN(value) ? ('NaN' as const) : value,
      step,
      at: timestamp,
      ...run,
    })),
    ...tags.map(({ key, value }) => ({ type: 'tag' as const, key, value, ...run })),
    ...datasets.map((dataset) => ({ ...datasetEntry(dataset), ...run })),
  ];
}

function datasetEntry({
  name,
  digest,
  source,
  sourceType,
  context,
  schema,
  profile,
}: DatasetWrite): ReportEntry & { type: 'dataset' } {
  return {
    type: 'dataset',
    name,
    digest,
    source,
    source_type: sourceType,
    ...(context === undefined ? {} : { context }),
    ...(schema === undefined ? {} : { schema: parsed(schema) }),
    ...(profile === undefined ? {} : { profile: parsed(profile) }),
  };
}

/** MLflow's clients write JSON there; what is none is a text. */
function parsed(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}
