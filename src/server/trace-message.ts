import type { Tag } from '../tracking/mlflow/messages.ts';
import { invalid } from '../tracking/mlflow/mlflow-error.ts';
import type { Trace } from '../tracking/mlflow/traces.ts';
import { type Field, message, nested, text } from './message.ts';

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
    trace_metadata: mapOf(trace.metadata),
    tags: mapOf(trace.tags),
  };
}

/** protobuf's `Timestamp` in JSON, as milliseconds since the Unix epoch; what is finer is dropped. */
export function timestamp(): Field<number | undefined> {
  return fromText('date-time', (value) =>
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[-+]\d\d:\d\d)$/.test(value)
      ? Date.parse(value)
      : Number.NaN,
  );
}

/** protobuf's `Duration` in JSON, `1.5s`, as whole milliseconds. */
export function duration(): Field<number | undefined> {
  return fromText('duration', (value) => {
    const [, seconds] = /^(\d{1,12}(?:\.\d{1,9})?)s$/.exec(value) ?? [];
    return seconds === undefined ? Number.NaN : Math.round(Number(seconds) * 1000);
  });
}

/** protobuf's `map<string, string>`; empty if it is absent. */
export function textMap(): Field<readonly Tag[]> {
  return {
    isRequired: false,
    schema: { type: 'object', additionalProperties: { type: 'string' } },
    read: (value, name) => {
      OBJECT.read(value, name);
      return Object.entries(value ?? {}).map(([key, one]: [string, unknown]) => ({
        key,
        value: TEXT.read(one ?? undefined, `${name}.${key.slice(0, 80)}`) ?? '',
      }));
    },
  };
}

const TEXT = text();
const OBJECT = nested(message({}));

function mapOf(pairs: readonly Tag[]): object {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, value]));
}

function fromText(format: string, parse: (value: string) => number): Field<number | undefined> {
  return {
    isRequired: false,
    schema: { type: 'string', format },
    read: (given, name) => {
      const value = TEXT.read(given, name);
      if (value === undefined) return undefined;
      const number = parse(value);
      if (!Number.isSafeInteger(number) || number < 0)
        throw invalid(
          `Invalid value ${JSON.stringify(value.slice(0, 80))} for parameter '${name}' supplied.`,
        );
      return number;
    },
  };
}
