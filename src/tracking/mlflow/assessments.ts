import { lock } from '../../db/lock.ts';
import type { Row, Sql, SqlValue } from '../../db/sql.ts';
import { checkLength } from './check.ts';
import { inList, listOf } from './in-list.ts';
import type { Tag } from './messages.ts';
import { invalid, MlflowError, missing } from './mlflow-error.ts';
import { requireTrace } from './require-trace.ts';
import { tagMap } from './tag-map.ts';

export const SOURCE_TYPES = ['SOURCE_TYPE_UNSPECIFIED', 'HUMAN', 'LLM_JUDGE', 'CODE'] as const;
/** What somebody thought of it, what should have come out, or a known fault that shows in it. */
const KINDS = ['feedback', 'expectation', 'issue'] as const;
export type AssessmentKind = (typeof KINDS)[number];

export function isAssessmentKind(value: unknown): value is AssessmentKind {
  return (KINDS as readonly unknown[]).includes(value);
}

export function isSourceType(value: unknown): value is (typeof SOURCE_TYPES)[number] {
  return (SOURCE_TYPES as readonly unknown[]).includes(value);
}

export interface AssessmentError {
  readonly error_code?: string | undefined;
  readonly error_message?: string | undefined;
  readonly stack_trace?: string | undefined;
}

/** What a client says of a trace, or of one of its spans. */
export interface NewAssessment {
  /** Ours if the client gives none. */
  readonly id: string;
  readonly name: string;
  readonly kind: AssessmentKind;
  /** Any JSON; null where an error stands for it. */
  readonly value: unknown;
  readonly error: AssessmentError | undefined;
  readonly sourceType: (typeof SOURCE_TYPES)[number];
  readonly sourceId: string | undefined;
  readonly spanId: string | undefined;
  readonly rationale: string | undefined;
  readonly metadata: readonly Tag[];
  /** The assessment of the same trace that this one stands in for. */
  readonly overrides: string | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Not overridden by another; true if absent. */
  readonly isValid?: boolean;
}

export interface Assessment extends NewAssessment {
  readonly traceId: string;
  readonly isValid: boolean;
}

export interface AssessmentChange {
  readonly name?: string;
  readonly value?: { readonly kind: AssessmentKind } & Pick<NewAssessment, 'value' | 'error'>;
  readonly rationale?: string;
  /** Added to what is there. */
  readonly metadata?: readonly Tag[];
  readonly at: number;
}

const MAX_ID = 50;
const MAX_NAME = 250;

/** @throws MlflowError RESOURCE_DOES_NOT_EXIST, RESOURCE_ALREADY_EXISTS, INVALID_PARAMETER_VALUE */
export async function createAssessment(
  sql: Sql,
  traceId: string,
  assessment: NewAssessment,
): Promise<Assessment> {
  await requireTrace(sql, traceId);
  if ((await sql.get('SELECT 1 FROM assessments WHERE assessment_id = ?', assessment.id)) !== undefined)
    throw new MlflowError(
      'RESOURCE_ALREADY_EXISTS',
      `There is an assessment with the ID '${assessment.id}' already.`,
    );
  await write(sql, traceId, [assessment]);
  if (assessment.overrides !== undefined && !(await setValid(sql, traceId, assessment.overrides, false)))
    throw noAssessment(traceId, assessment.overrides);
  return readAssessment(sql, traceId, assessment.id);
}

/** Those that come with a trace; one that is there by the same id becomes this one. */
export async function writeAssessments(
  sql: Sql,
  traceId: string,
  assessments: readonly NewAssessment[],
): Promise<void> {
  if (assessments.length === 0) return;
  const others = await sql.all(
    `SELECT assessment_id FROM assessments WHERE assessment_id IN ${inList(sql, 'text')} AND trace_id <> ?`,
    listOf(assessments.map(({ id }) => id)),
    traceId,
  );
  if (others.length > 0)
    throw invalid(`The assessment ${String(others[0]?.['assessment_id'])} belongs to another trace.`);
  await write(sql, traceId, assessments);
}

/** @throws MlflowError RESOURCE_DOES_NOT_EXIST */
export async function readAssessment(sql: Sql, traceId: string, id: string): Promise<Assessment> {
  return readWith(sql, traceId, id, '');
}

/** @param held `lock`'s, for who writes what it says */
async function readWith(sql: Sql, traceId: string, id: string, held: string): Promise<Assessment> {
  const row = await sql.get(
    `SELECT * FROM assessments WHERE trace_id = ? AND assessment_id = ?${held}`,
    traceId,
    id,
  );
  if (row !== undefined) return assessmentOf(row);
  await requireTrace(sql, traceId);
  throw noAssessment(traceId, id);
}

/** All of some traces, the oldest first, by the id of the trace. */
export async function assessmentsOf(
  sql: Sql,
  traceIds: readonly string[],
): Promise<ReadonlyMap<string, Assessment[]>> {
  const rows = await sql.all(
    `SELECT * FROM assessments WHERE trace_id IN ${inList(sql, 'text')} ORDER BY trace_id, created_time, assessment_id`,
    listOf(traceIds),
  );
  return Map.groupBy(rows.map(assessmentOf), ({ traceId }) => traceId);
}

/** Who made it and of which span it is stays as it was. */
export async function updateAssessment(
  sql: Sql,
  traceId: string,
  id: string,
  { name, value, rationale, metadata, at }: AssessmentChange,
): Promise<Assessment> {
  const before = await readWith(sql, traceId, id, lock(sql, 'change'));
  if (value !== undefined && value.kind !== before.kind)
    throw invalid(
      `Cannot update ${value.kind} value on ${before.kind === 'feedback' ? 'a Feedback' : before.kind === 'issue' ? 'an Issue' : 'an Expectation'} assessment.`,
    );
  await write(sql, traceId, [
    {
      ...before,
      name: name ?? before.name,
      ...(value === undefined ? {} : { value: value.value, error: value.error }),
      rationale: rationale ?? before.rationale,
      metadata: [...before.metadata, ...(metadata ?? [])],
      updatedAt: at,
    },
  ]);
  return readAssessment(sql, traceId, id);
}

/** One that is not there is gone already. What it stood in for counts again. */
export async function deleteAssessment(sql: Sql, traceId: string, id: string): Promise<void> {
  await requireTrace(sql, traceId);
  const row = await sql.get(
    'SELECT overrides FROM assessments WHERE trace_id = ? AND assessment_id = ?',
    traceId,
    id,
  );
  if (row === undefined) return;
  if (row['overrides'] !== null) await setValid(sql, traceId, String(row['overrides']), true);
  await sql.run('DELETE FROM assessments WHERE assessment_id = ?', id);
}

async function write(sql: Sql, traceId: string, assessments: readonly NewAssessment[]): Promise<void> {
  for (const one of assessments) check(one);
  await sql.runMany(
    `${INSERT_ASSESSMENTS}
     ON CONFLICT (assessment_id) DO UPDATE SET ${CHANGING.map((column) => `${column} = excluded.${column}`).join(', ')}`,
    assessments.map((one) => rowOfAssessment(traceId, one)),
  );
}

const CHANGING = [
  'name',
  'kind',
  'value',
  'number',
  'error',
  'rationale',
  'metadata',
  'valid',
  'last_updated_time',
] as const;

export const ASSESSMENT_COLUMNS = [
  ...CHANGING,
  'source_type',
  'source_id',
  'span_id',
  'overrides',
  'created_time',
  'assessment_id',
  'trace_id',
] as const;

/** Of rows in the order of `ASSESSMENT_COLUMNS`; what becomes of those that are there is said behind it. */
export const INSERT_ASSESSMENTS = `INSERT INTO assessments (${ASSESSMENT_COLUMNS.join(', ')}) VALUES (${ASSESSMENT_COLUMNS.map(() => '?').join(', ')})`;

export function rowOfAssessment(traceId: string, one: NewAssessment): readonly SqlValue[] {
  return [
    one.name,
    one.kind,
    JSON.stringify(one.value ?? null),
    typeof one.value === 'number' ? one.value : null,
    one.error === undefined ? null : JSON.stringify(one.error),
    one.rationale ?? null,
    JSON.stringify(tagMap(one.metadata)),
    (one.isValid ?? true) ? 1 : 0,
    one.updatedAt,
    one.sourceType,
    one.sourceId ?? null,
    one.spanId ?? null,
    one.overrides ?? null,
    one.createdAt,
    one.id,
    traceId,
  ];
}

async function setValid(sql: Sql, traceId: string, id: string, valid: boolean): Promise<boolean> {
  const changed = await sql.run(
    'UPDATE assessments SET valid = ? WHERE trace_id = ? AND assessment_id = ?',
    valid ? 1 : 0,
    traceId,
    id,
  );
  return changed > 0;
}

function check({ id, name, sourceId, spanId }: NewAssessment): void {
  if (!isAssessmentId(id)) throw invalid(`Invalid assessment ID: '${id.slice(0, 80)}'`);
  checkLength('Assessment name', name, MAX_NAME);
  checkLength('Assessment source ID', sourceId ?? '', MAX_NAME);
  checkLength('Span ID', spanId ?? '', MAX_ID);
}

/** Clients may choose it; it is part of a path. */
export function isAssessmentId(id: string): boolean {
  return /^[A-Za-z0-9][\w-]*$/.test(id) && id.length <= MAX_ID;
}

function assessmentOf(row: Row): Assessment {
  const text = (column: string): string | undefined =>
    row[column] === null ? undefined : String(row[column]);
  return {
    id: String(row['assessment_id']),
    traceId: String(row['trace_id']),
    name: String(row['name']),
    kind: row['kind'] as AssessmentKind,
    value: JSON.parse(String(row['value'])),
    error: row['error'] === null ? undefined : (JSON.parse(String(row['error'])) as AssessmentError),
    sourceType: row['source_type'] as Assessment['sourceType'],
    sourceId: text('source_id'),
    spanId: text('span_id'),
    rationale: text('rationale'),
    metadata: Object.entries(JSON.parse(String(row['metadata'])) as Record<string, string>).map(
      ([key, value]) => ({ key, value }),
    ),
    overrides: text('overrides'),
    isValid: Number(row['valid']) === 1,
    createdAt: Number(row['created_time']),
    updatedAt: Number(row['last_updated_time']),
  };
}

function noAssessment(traceId: string, id: string): MlflowError {
  return missing(`Assessment with ID '${id.slice(0, 80)}' not found for trace '${traceId}'`);
}
