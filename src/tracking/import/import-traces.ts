import type { Sql } from '../../db/sql.ts';
import type { Tag } from '../mlflow/messages.ts';
import { SPANS_TAG, writeSpans } from '../mlflow/spans.ts';
import { compareWithHere } from './compare-with-here.ts';
import { copyFolder } from './copy-folder.ts';
import { addAssessments, newAssessments } from './import-assessments.ts';
import { emptyTally, type ImportTarget, type Tally } from './import-target.ts';
import type { MlflowSource } from './mlflow-source.ts';
import type { SourceTrace } from './source-records.ts';

const LOCATION_TAG = 'mlflow.artifactLocation';

/** Traces with their spans and assessments. */
export async function importTraces(
  target: ImportTarget,
  source: MlflowSource,
): Promise<{ tally: Tally; assessments: Tally; files: number }> {
  const { database, isDryRun } = target;
  const tally = emptyTally();
  const assessments = emptyTally();
  let files = 0;
  for await (const page of source.traces()) {
    const wanted = await compareWithHere(target, tally, page, {
      what: 'trace',
      table: 'traces',
      key: 'trace_id',
      isSame: (row, trace, experiment) =>
        row['experiment_id'] === experiment &&
        row['state'] === trace.state &&
        row['request_time'] === trace.requestTime,
    });
    const added = await newAssessments(target, assessments, wanted);
    if (isDryRun) continue;
    await database.write(async (sql) => {
      await write(sql, target, wanted);
      await addAssessments(sql, added);
    });
    for (const trace of wanted) files += await copyFiles(target, trace, source.base);
  }
  return { tally, assessments, files };
}

function folderOf({ places }: ImportTarget, { id, experimentId }: SourceTrace): string | undefined {
  const folder = places.get(experimentId)?.folder;
  return folder === undefined ? undefined : `${folder}/traces/${id}/artifacts`;
}

async function write(sql: Sql, target: ImportTarget, traces: readonly SourceTrace[]): Promise<void> {
  await sql.runMany(
    `INSERT INTO traces (trace_id, experiment_id, request_time, execution_ms, state, client_request_id, request_preview, response_preview)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
    traces.map((trace) => [
      trace.id,
      target.places.get(trace.experimentId)?.id ?? 0,
      trace.requestTime,
      trace.executionMs ?? null,
      trace.state,
      trace.clientRequestId ?? null,
      trace.requestPreview ?? null,
      trace.responsePreview ?? null,
    ]),
  );
  const pairs = async (table: string, of: (trace: SourceTrace) => readonly Tag[]): Promise<void> =>
    sql.runMany(
      `INSERT INTO ${table} (trace_id, key, value) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`,
      traces.flatMap((trace) => of(trace).map(({ key, value }) => [trace.id, key, value])),
    );
  for (const { id, spans } of traces) await writeSpans(sql, id, spans);
  await sql.runMany(
    'INSERT INTO trace_links (kind, target, trace_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
    traces.flatMap(({ id, links }) => links.map(({ kind, target }) => [kind, target, id])),
  );
  await pairs('trace_metadata', ({ metadata }) => metadata);
  await pairs('trace_tags', (trace) => {
    const folder = folderOf(target, trace);
    const tags = trace.tags.filter(({ key }) => key !== SPANS_TAG.key || trace.spans.length > 0);
    if (folder === undefined) return tags;
    return [
      ...tags.filter(({ key }) => key !== LOCATION_TAG),
      { key: LOCATION_TAG, value: `mlflow-artifacts:/${folder}` },
    ];
  });
}

/** The file of the spans, and what else clients put beside it. */
async function copyFiles(target: ImportTarget, trace: SourceTrace, base: string): Promise<number> {
  const to = folderOf(target, trace);
  const location = trace.tags.find(({ key }) => key === LOCATION_TAG)?.value ?? '';
  const own = `traces/${trace.id}/artifacts`;
  // Clients may set the tag to any folder: only that of this very trace is copied.
  if (!location.endsWith(`/${own}`)) {
    if (location !== '')
      target.findings.add('skipped', 'spans of a trace that lie in a folder not its own', trace.id);
    return 0;
  }
  return copyFolder(target, {
    location,
    base,
    to,
    expected: to === undefined ? own : undefined,
    name: `trace ${trace.id}`,
  });
}
