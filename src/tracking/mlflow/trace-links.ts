import type { Sql } from '../../db/sql.ts';
import { checkActive } from './check-active.ts';
import { inList, listOf } from './in-list.ts';
import { invalid } from './mlflow-error.ts';
import { requireTrace } from './require-trace.ts';

/** Of MLflow, for one request. */
const MAX_LINKS = 100;

/** Traces that belong to a run beside those that were made in it. Those that are not there are passed over. */
export async function linkTracesToRun(sql: Sql, runId: string, traceIds: readonly string[]): Promise<void> {
  if (traceIds.length > MAX_LINKS)
    throw invalid(
      `Cannot link more than ${MAX_LINKS} traces to a run in a single request. Provided ${traceIds.length} traces.`,
    );
  await checkActive(sql, runId);
  await sql.run(
    `INSERT INTO trace_links (kind, target, trace_id) SELECT 'run', ?, trace_id FROM traces WHERE trace_id IN ${inList(sql, 'text')}
     ON CONFLICT DO NOTHING`,
    runId,
    listOf(traceIds),
  );
}

export interface PromptVersion {
  readonly name: string;
  readonly version: string;
}

/** Versions of prompts that a trace used. */
export async function linkPrompts(
  sql: Sql,
  traceId: string,
  prompts: readonly PromptVersion[],
): Promise<void> {
  await requireTrace(sql, traceId);
  await sql.runMany(
    'INSERT INTO trace_links (kind, target, trace_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
    prompts.map(({ name, version }) => ['prompt', `${name}/${version}`, traceId]),
  );
}
