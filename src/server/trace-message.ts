import { tagMap } from '../tracking/mlflow/tag-map.ts';
import type { Trace } from '../tracking/mlflow/traces.ts';
import { assessmentMessage } from './assessment-message.ts';

/** A trace as MLflow 2 writes it. */
export function traceInfo(trace: Trace): object {
  return {
    request_id: trace.id,
    experiment_id: trace.experimentId,
    timestamp_ms: trace.requestTime,
    ...(trace.executionMs === undefined ? {} : { execution_time_ms: trace.executionMs }),
    status: trace.state === 'STATE_UNSPECIFIED' ? 'TRACE_STATUS_UNSPECIFIED' : trace.state,
    request_metadata: trace.metadata,
    tags: trace.tags,
  };
}

/** A trace as MLflow 3 writes it; what is undefined is absent in JSON. */
export function traceInfoV3(trace: Trace): object {
  const { executionMs } = trace;
  return {
    trace_id: trace.id,
    client_request_id: trace.clientRequestId,
    trace_location: {
      type: 'MLFLOW_EXPERIMENT',
      mlflow_experiment: { experiment_id: trace.experimentId },
    },
    request_preview: trace.requestPreview,
    response_preview: trace.responsePreview,
    request_time: new Date(trace.requestTime).toISOString(),
    execution_duration: executionMs === undefined ? undefined : `${(executionMs / 1000).toFixed(3)}s`,
    state: trace.state,
    trace_metadata: tagMap(trace.metadata),
    tags: tagMap(trace.tags),
    assessments: trace.assessments.length === 0 ? undefined : trace.assessments.map(assessmentMessage),
  };
}
