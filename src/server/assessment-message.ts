import { isDeepJson, MAX_JSON_DEPTH } from '../core/json-depth.ts';
import {
  type Assessment,
  type AssessmentError,
  type AssessmentKind,
  type NewAssessment,
  SOURCE_TYPES,
} from '../tracking/mlflow/assessments.ts';
import { checkText } from '../tracking/mlflow/check.ts';
import { invalid } from '../tracking/mlflow/mlflow-error.ts';
import { tagMap } from '../tracking/mlflow/tag-map.ts';
import { type Field, message, nested, oneOf, required, text, unlessEmpty } from './message.ts';
import { textMap, timestamp } from './protobuf-json.ts';

const SOURCE = message({ source_type: required(oneOf(SOURCE_TYPES)), source_id: unlessEmpty(text()) });
const ERROR = message({ error_code: text(), error_message: text(), stack_trace: text() });
const FEEDBACK = message({ value: anyJson(), error: nested(ERROR) });
const SERIALIZED = message({ serialization_format: text(), value: required(text()) });
const EXPECTATION = message({ value: anyJson(), serialized_value: nested(SERIALIZED) });

const VALUES = {
  feedback: nested(FEEDBACK),
  expectation: nested(EXPECTATION),
  issue: nested(message({ issue_name: text() })),
};

/** An assessment as a client sends it. */
export const ASSESSMENT = message({
  assessment_id: unlessEmpty(text()),
  assessment_name: required(text()),
  span_id: unlessEmpty(text()),
  source: required(nested(SOURCE)),
  create_time: timestamp(),
  last_update_time: timestamp(),
  ...VALUES,
  rationale: unlessEmpty(text()),
  metadata: textMap(),
  overrides: unlessEmpty(text()),
});

/** What of an assessment may be changed. */
export const ASSESSMENT_CHANGE = message({
  assessment_name: unlessEmpty(text()),
  ...VALUES,
  rationale: text(),
  metadata: textMap(),
});

type Values = Pick<ReturnType<typeof ASSESSMENT.read>, keyof typeof VALUES>;

export function newAssessment(
  given: ReturnType<typeof ASSESSMENT.read>,
  newId: () => string,
  now: number,
): NewAssessment {
  const value = assessedValue(given);
  if (value === undefined)
    throw invalid('Exactly one of `expectation`, `feedback`, or `issue` should be specified.');
  return {
    id: given.assessment_id ?? `a-${newId()}`,
    name: given.assessment_name,
    ...value,
    sourceType: given.source.source_type,
    sourceId: given.source.source_id,
    spanId: given.span_id,
    rationale: given.rationale,
    metadata: given.metadata,
    overrides: given.overrides,
    createdAt: given.create_time ?? now,
    updatedAt: given.last_update_time ?? now,
  };
}

/**
 * What is said by the one of three fields that is there; undefined if none is.
 *
 * @throws MlflowError INVALID_PARAMETER_VALUE if there are several
 */
export function assessedValue({ feedback, expectation, issue }: Values):
  | {
      readonly kind: AssessmentKind;
      readonly value: unknown;
      readonly error: AssessmentError | undefined;
    }
  | undefined {
  if ([feedback, expectation, issue].filter((one) => one !== undefined).length > 1)
    throw invalid('Cannot specify several of `expectation`, `feedback` and `issue`.');
  if (feedback !== undefined) return { kind: 'feedback', ...feedback };
  if (issue !== undefined) return { kind: 'issue', value: issue, error: undefined };
  if (expectation === undefined) return undefined;
  const { value, serialized_value: serialized } = expectation;
  return {
    kind: 'expectation',
    value: serialized === undefined ? value : deserialized(serialized),
    error: undefined,
  };
}

/** An assessment as clients read it; what is undefined is absent in JSON. */
export function assessmentMessage(assessment: Assessment): object {
  const { kind, value, error } = assessment;
  return {
    assessment_id: assessment.id,
    assessment_name: assessment.name,
    trace_id: assessment.traceId,
    span_id: assessment.spanId,
    source: { source_type: assessment.sourceType, source_id: assessment.sourceId },
    create_time: new Date(assessment.createdAt).toISOString(),
    last_update_time: new Date(assessment.updatedAt).toISOString(),
    [kind]: kind === 'feedback' ? { value, error } : kind === 'issue' ? value : expectationOf(value),
    rationale: assessment.rationale,
    metadata: tagMap(assessment.metadata),
    overrides: assessment.overrides,
    valid: assessment.isValid,
  };
}

const FORMAT = 'JSON_FORMAT';

/** protobuf's message has no place for a list or a map but as text. */
function expectationOf(value: unknown): object {
  return typeof value === 'object' && value !== null
    ? { serialized_value: { serialization_format: FORMAT, value: JSON.stringify(value) } }
    : { value };
}

function deserialized({ serialization_format, value }: ReturnType<typeof SERIALIZED.read>): unknown {
  if (serialization_format !== FORMAT)
    throw invalid(
      `Unknown serialization format: ${String(serialization_format).slice(0, 80)}. Only ${FORMAT} is supported.`,
    );
  if (isDeepJson(value))
    throw invalid(
      `The serialized value of the expectation has more than ${MAX_JSON_DEPTH} levels of lists and maps.`,
    );
  let parsed: unknown;
  try {
    parsed = JSON.parse(value);
  } catch {
    throw invalid('The serialized value of the expectation is no JSON.');
  }
  return ANY.read(parsed ?? undefined, 'expectation.serialized_value.value');
}

const ANY = anyJson();

/** protobuf's `Value`: anything that JSON says; null if it is absent. */
function anyJson(): Field<unknown> {
  return {
    isRequired: false,
    schema: {},
    read: (value, name) => {
      JSON.stringify(value, (key, one: unknown) => {
        for (const each of [key, one]) if (typeof each === 'string') checkText(`parameter '${name}'`, each);
        return one;
      });
      return value ?? null;
    },
  };
}
