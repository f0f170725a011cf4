import {
  type AssessmentError,
  isAssessmentId,
  isAssessmentKind,
  isSourceType,
  type NewAssessment,
} from '../mlflow/assessments.ts';
import { inList } from '../mlflow/in-list.ts';
import { addTo } from './add-to.ts';
import { parsed } from './parsed.ts';
import type { SqlTables } from './sql-source.ts';

/** What MLflow 3 keeps of some traces as assessments, by the trace. */
export async function readAssessments(
  { reader, cells, findings }: SqlTables,
  traceIds: string,
): Promise<ReadonlyMap<string, readonly NewAssessment[]>> {
  if ((await reader.columns('assessments')).size === 0) return new Map();
  const rows = await reader.all(
    `SELECT * FROM assessments WHERE trace_id IN ${inList(reader, 'text')} ORDER BY trace_id, created_timestamp, assessment_id`,
    traceIds,
  );
  const found = new Map<string, NewAssessment[]>();
  for (const row of rows) {
    const id = String(row['assessment_id']);
    const text = (column: string): string | undefined =>
      cells.text(row[column], `${column} of the assessment ${id}`);
    const [kind, sourceType] = [row['assessment_type'], row['source_type']];
    const json = (column: string): unknown => parsed(text(column));
    const [value, error, metadata] = [json('value'), json('error'), json('assessment_metadata')];
    if (!isAssessmentId(id) || !isAssessmentKind(kind) || !isSourceType(sourceType) || value === undefined) {
      findings.add('skipped', 'assessment that MLflow itself could not read', id);
      continue;
    }
    const assessment: NewAssessment = {
      id,
      name: text('name') ?? '',
      kind,
      value,
      error: (error as AssessmentError | null) ?? undefined,
      sourceType,
      sourceId: text('source_id'),
      spanId: text('span_id'),
      rationale: text('rationale'),
      metadata: Object.entries((metadata ?? {}) as Record<string, unknown>).map(([key, value]) => ({
        key,
        value: String(value),
      })),
      overrides: text('overrides'),
      createdAt: cells.time(row['created_timestamp']),
      updatedAt: cells.time(row['last_updated_timestamp']),
      isValid: Boolean(row['valid']),
    };
    addTo(found, String(row['trace_id']), assessment);
  }
  return found;
}
