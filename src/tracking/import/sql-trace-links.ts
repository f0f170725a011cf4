import { inList } from '../mlflow/in-list.ts';
import { addTo } from './add-to.ts';
import type { TraceLink } from './source-records.ts';
import type { SqlTables } from './sql-source.ts';

/** By MLflow's name of what a trace is linked to. */
const KINDS: Readonly<Record<string, TraceLink['kind']>> = { run: 'run', prompt_version: 'prompt' };

/** Runs and versions of prompts that some traces are linked to (MLflow 3), by the trace. */
export async function readTraceLinks(
  { reader, cells }: SqlTables,
  traceIds: string,
): Promise<ReadonlyMap<string, readonly TraceLink[]>> {
  if ((await reader.columns('entity_associations')).size === 0) return new Map();
  const rows = await reader.all(
    `SELECT source_id, destination_type, destination_id FROM entity_associations
     WHERE source_type = 'trace' AND source_id IN ${inList(reader, 'text')}`,
    traceIds,
  );
  const found = new Map<string, TraceLink[]>();
  for (const row of rows) {
    const trace = String(row['source_id']);
    const kind = KINDS[String(row['destination_type'])];
    const target = cells.text(row['destination_id'], `a link of the trace ${trace}`);
    if (kind !== undefined && target !== undefined) addTo(found, trace, { kind, target });
  }
  return found;
}
