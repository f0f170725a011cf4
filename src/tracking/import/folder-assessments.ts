import { join } from 'node:path';
import {
  type AssessmentError,
  isAssessmentId,
  isAssessmentKind,
  isSourceType,
  type NewAssessment,
} from '../mlflow/assessments.ts';
import type { Cells } from './cells.ts';
import type { Findings } from './findings.ts';
import { keysIn, mapIn } from './folder.ts';
import { parsed } from './parsed.ts';

type Fields = Readonly<Record<string, unknown>>;

/** What MLflow 3 keeps of a trace as assessments, one YAML file each. */
export async function readFolderAssessments(
  dir: string,
  cells: Cells,
  findings: Findings,
): Promise<readonly NewAssessment[]> {
  const found: NewAssessment[] = [];
  for (const file of await keysIn(dir)) {
    const fields = await mapIn(join(dir, file));
    const read = fields === undefined ? undefined : assessmentOf(fields, cells);
    if (read === undefined)
      findings.add('skipped', 'assessment that MLflow itself could not read', join(dir, file));
    else found.push(read);
  }
  return found.toSorted((a, b) => a.createdAt - b.createdAt);
}

function assessmentOf(fields: Fields, cells: Cells): NewAssessment | undefined {
  const kind = Object.keys(fields).find(isAssessmentKind);
  const source = mapOf(fields['source']);
  const sourceType = source['source_type'];
  const id = String(fields['assessment_id']);
  if (kind === undefined || !isSourceType(sourceType) || !isAssessmentId(id)) return undefined;
  const said = mapOf(fields[kind]);
  const text = (value: unknown): string | undefined => cells.text(value, `the assessment ${id}`);
  const time = (key: string): number => cells.time(Date.parse(String(fields[key])));
  const serialized = mapOf(said['serialized_value'])['value'];
  const value =
    kind === 'issue' ? said : serialized === undefined ? (said['value'] ?? null) : parsed(String(serialized));
  if (value === undefined) return undefined;
  return {
    id,
    name: text(fields['assessment_name']) ?? '',
    kind,
    value,
    error: said['error'] === undefined ? undefined : (said['error'] as AssessmentError),
    sourceType,
    sourceId: text(source['source_id']),
    spanId: text(fields['span_id']),
    rationale: text(fields['rationale']),
    metadata: Object.entries(mapOf(fields['metadata'])).map(([key, value]) => ({
      key,
      value: text(value) ?? '',
    })),
    overrides: text(fields['overrides']),
    createdAt: time('create_time'),
    updatedAt: time('last_update_time'),
    isValid: fields['valid'] !== false,
  };
}

function mapOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null ? (value as Fields) : {};
}
