import { parseInsideOut } from '../core/exact-json.ts';

/** A span as MLflow keeps it in `traces.json`. */
interface KeptSpan {
  readonly trace_id: string;
  readonly span_id: string;
  readonly parent_span_id?: string | null;
  readonly name: string;
  readonly start_time_unix_nano: WrittenNumber;
  readonly end_time_unix_nano?: WrittenNumber | null;
  readonly events?: readonly KeptEvent[] | null;
  readonly status?: { readonly code?: string; readonly message?: string | null };
  /** Values are JSON texts. */
  readonly attributes?: Readonly<Record<string, string>>;
  readonly links?: readonly KeptLink[] | null;
}

interface KeptEvent {
  readonly name: string;
  readonly time_unix_nano: WrittenNumber;
  readonly attributes?: Readonly<Record<string, unknown>>;
}

interface KeptLink {
  readonly trace_id: string;
  readonly span_id: string;
  readonly attributes?: Readonly<Record<string, unknown>>;
}

/** OpenTelemetry's `AnyValue` in protobuf's JSON. */
type AnyValue = Readonly<Record<string, unknown>>;
type KeyValue = { readonly key: string; readonly value: AnyValue };

/**
 * A kept span as OpenTelemetry's `Span` in protobuf's JSON, which is how `traces/get` answers.
 *
 * @param content as `Span.content`
 */
export function otelSpan(content: string): object {
  // Times are beyond 2^53; numbers of events and links stay as they are written.
  const span = parseInsideOut(content, (value, source) =>
    typeof value === 'number' ? new WrittenNumber(source) : value,
  ) as KeptSpan;
  return {
    trace_id: span.trace_id,
    span_id: span.span_id,
    parent_span_id: span.parent_span_id ?? undefined,
    name: span.name,
    start_time_unix_nano: span.start_time_unix_nano.source,
    end_time_unix_nano: span.end_time_unix_nano?.source,
    attributes: Object.entries(span.attributes ?? {}).map(([key, value]) => ({
      key,
      value: valueOfText(value),
    })),
    events: (span.events ?? []).map(({ name, time_unix_nano, attributes = {} }) => ({
      time_unix_nano: time_unix_nano.source,
      name,
      attributes: pairsOf(attributes),
    })),
    links: (span.links ?? []).map(({ trace_id, span_id, attributes = {} }) => ({
      trace_id: Buffer.from(trace_id.replace(/^tr-/, ''), 'hex').toString('base64'),
      span_id: Buffer.from(span_id, 'hex').toString('base64'),
      attributes: pairsOf(attributes),
    })),
    status: { code: span.status?.code ?? 'STATUS_CODE_UNSET', message: span.status?.message ?? undefined },
  };
}

class WrittenNumber {
  readonly source: string;

  constructor(source: string) {
    this.source = source;
  }
}

function pairsOf(attributes: Readonly<Record<string, unknown>>): KeyValue[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: anyValue(value) }));
}

/** What is no JSON, as Python writes `NaN`, is a text. */
function valueOfText(text: string): AnyValue {
  try {
    return anyValue(
      parseInsideOut(text, (value, source) =>
        typeof value === 'number' ? new WrittenNumber(source) : value,
      ),
    );
  } catch {
    return { string_value: text };
  }
}

function anyValue(value: unknown): AnyValue {
  if (value === null) return {};
  if (value instanceof WrittenNumber)
    return /^-?\d{1,19}$/.test(value.source) &&
      BigInt.asIntN(64, BigInt(value.source)) === BigInt(value.source)
      ? { int_value: value.source }
      : { double_value: Number(value.source) };
  if (typeof value === 'string') return { string_value: value };
  if (typeof value === 'boolean') return { bool_value: value };
  if (Array.isArray(value)) return { array_value: { values: value.map(anyValue) } };
  return { kvlist_value: { values: pairsOf(value as Record<string, unknown>) } };
}
