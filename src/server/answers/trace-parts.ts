import { SOURCE_TYPES } from '../../tracking/mlflow/assessments.ts';
import { TRACE_STATES } from '../../tracking/mlflow/traces.ts';
import {
  ANY,
  BOOLEAN,
  INTEGER,
  listOf,
  mapOf,
  oneOf,
  optional,
  pair,
  part,
  type Shape,
  TEXT,
  TIMESTAMP,
} from './shape.ts';
import { SPAN } from './span-parts.ts';

/** As MLflow 2 has it. */
export const TRACE_INFO = part('TraceInfo', {
  request_id: TEXT,
  experiment_id: TEXT,
  timestamp_ms: INTEGER,
  execution_time_ms: optional(INTEGER),
  status: oneOf(['TRACE_STATUS_UNSPECIFIED', 'OK', 'ERROR', 'IN_PROGRESS']),
  request_metadata: listOf(pair('TraceRequestMetadata')),
  tags: listOf(pair('TraceTag')),
});

/** What was said is in one of feedback, expectation and issue. */
export const GIVEN_ASSESSMENT = part('Assessment', {
  assessment_id: TEXT,
  assessment_name: TEXT,
  trace_id: TEXT,
  span_id: optional(TEXT),
  source: part('AssessmentSource', { source_type: oneOf(SOURCE_TYPES), source_id: optional(TEXT) }),
  create_time: TIMESTAMP,
  last_update_time: TIMESTAMP,
  feedback: optional(
    part('Feedback', {
      value: ANY,
      error: optional(
        part('AssessmentError', {
          error_code: optional(TEXT),
          error_message: optional(TEXT),
          stack_trace: optional(TEXT),
        }),
      ),
    }),
  ),
  expectation: optional(
    part('Expectation', {
      value: optional(ANY),
      serialized_value: optional(part('SerializedValue', { serialization_format: TEXT, value: TEXT })),
    }),
  ),
  issue: optional(part('IssueReference', { issue_name: optional(TEXT) })),
  rationale: optional(TEXT),
  metadata: mapOf(TEXT),
  overrides: optional(TEXT),
  valid: BOOLEAN,
});

/** Seconds, as protobuf's JSON has them. */
const DURATION: Shape = { ...TEXT, schema: { type: 'string', pattern: '^\\d+\\.\\d{3}s$' } };

/** As MLflow 3 has it. */
export const TRACE_INFO_V3 = part('TraceInfoV3', {
  trace_id: TEXT,
  client_request_id: optional(TEXT),
  trace_location: part('TraceLocation', {
    type: oneOf(['MLFLOW_EXPERIMENT']),
    mlflow_experiment: part('MlflowExperimentLocation', { experiment_id: TEXT }),
  }),
  request_preview: optional(TEXT),
  response_preview: optional(TEXT),
  request_time: TIMESTAMP,
  execution_duration: optional(DURATION),
  state: oneOf(TRACE_STATES),
  trace_metadata: mapOf(TEXT),
  tags: mapOf(TEXT),
  assessments: optional(listOf(GIVEN_ASSESSMENT)),
});

/** Spans are there where the call gives whole traces. */
export const TRACE = part('Trace', { trace_info: TRACE_INFO_V3, spans: optional(listOf(SPAN)) });
