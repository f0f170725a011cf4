import { exactInteger } from '../core/exact-json.ts';
import type { Span } from '../tracking/mlflow/spans.ts';
import type { AnyValue, KeyValue, OtlpRequest, OtlpSpan } from './otlp-request.ts';

/** A span on its way into a trace. */
export interface ReceivedSpan {
  /** MLflow's name of the trace, `tr-` and 32 hex digits. */
  readonly trace: string;
  readonly isRoot: boolean;
  /** Milliseconds since the Unix epoch. */
  readonly startMs: number;
  /** Undefined while it goes on. */
  readonly endMs: number | undefined;
  readonly name: string;
  readonly isError: boolean;
  /** Values are JSON texts. */
  readonly attributes: Readonly<Record<string, string>>;
  /** Of what made it: the service and its host. */
  readonly resource: Readonly<Record<string, string>>;
  readonly span: Span;
}

/** The spans of an export request. Throws if one of them has no ids or times. */
export function spansOf({ resourceSpans = [] }: OtlpRequest): readonly ReceivedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans = [] }) => {
    const of = Object.fromEntries(
      (resource?.attributes ?? []).map(({ key = '', value }) => {
        const plain = plainOf(value);
        return [key, typeof plain === 'string' ? plain : jsonOf(plain)];
      }),
    );
    return scopeSpans.flatMap(({ spans = [] }) => spans.map((span) => received(span, of)));
  });
}

function received(span: OtlpSpan, resource: ReceivedSpan['resource']): ReceivedSpan {
  const traceId = idOf(span.traceId, 16);
  const parent =
    span.parentSpanId === undefined || span.parentSpanId === '' ? undefined : idOf(span.parentSpanId, 8);
  const trace = `tr-${traceId.toString('hex')}`;
  const [start, end] = [nanoseconds(span.startTimeUnixNano), nanoseconds(span.endTimeUnixNano)];
  const attributes = {
    ...attributesOf(span.attributes),
    // The id that the trace has here, whatever the client says.
    'mlflow.traceRequestId': JSON.stringify(trace),
  };
  const status = STATUSES[Number(span.status?.code ?? 0)] ?? 'UNSET';
  const id = idOf(span.spanId, 8);
  const name = textOf(span.name);
  return {
    trace,
    isRoot: parent === undefined,
    startMs: Number(start / 1_000_000n),
    endMs: end === 0n ? undefined : Number(end / 1_000_000n),
    name,
    isError: status === 'ERROR',
    attributes,
    resource,
    span: {
      id: id.toString('hex'),
      name,
      type: typeOf(attributes),
      status,
      start,
      content: JSON.stringify({
        trace_id: traceId.toString('base64'),
        span_id: id.toString('base64'),
        parent_span_id: parent?.toString('base64') ?? null,
        name,
        start_time_unix_nano: exactInteger(String(start)),
        end_time_unix_nano: end === 0n ? null : exactInteger(String(end)),
        events: (span.events ?? []).map((event) => ({
          name: textOf(event.name),
          time_unix_nano: exactInteger(String(nanoseconds(event.timeUnixNano))),
          attributes: mapOf(event.attributes),
        })),
        status: { code: `STATUS_CODE_${status}`, message: textOf(span.status?.message) },
        attributes,
        links: (span.links ?? []).map((link) => ({
          trace_id: `tr-${idOf(link.traceId, 16).toString('hex')}`,
          span_id: idOf(link.spanId, 8).toString('hex'),
          attributes: mapOf(link.attributes),
        })),
      }),
    },
  };
}

/** What no database refuses: a NUL and half a character are replaced. */
function textOf(value: unknown): string {
  return String(value ?? '')
    .replaceAll('\0', '\uFFFD')
    .toWellFormed();
}

function typeOf(attributes: Readonly<Record<string, string>>): string {
  const type: unknown = JSON.parse(attributes['mlflow.spanType'] ?? 'null');
  return typeof type === 'string' ? type : 'UNKNOWN';
}

const STATUSES = ['UNSET', 'OK', 'ERROR'] as const;

function idOf(hex: string | undefined, bytes: number): Buffer {
  if (hex === undefined || hex.length !== 2 * bytes || !/^[0-9a-fA-F]+$/.test(hex))
    throw new TypeError(`no id of ${bytes} bytes`);
  return Buffer.from(hex, 'hex');
}

function nanoseconds(value: string | number | undefined): bigint {
  const time = BigInt(value ?? 0);
  if (time < 0n || time >= 2n ** 63n) throw new RangeError('no time');
  return time;
}

function attributesOf(pairs: readonly KeyValue[] = []): Record<string, string> {
  return Object.fromEntries(pairs.map(({ key, value }) => [textOf(key), jsonOf(plainOf(value))]));
}

function mapOf(pairs: readonly KeyValue[] = []): Record<string, unknown> {
  return Object.fromEntries(pairs.map(({ key, value }) => [textOf(key), plainOf(value)]));
}

function jsonOf(value: unknown): string {
  return JSON.stringify(value);
}

function plainOf(value: AnyValue = {}): unknown {
  if (value.stringValue !== undefined) return textOf(value.stringValue);
  if (value.boolValue !== undefined) return value.boolValue === true;
  if (value.intValue !== undefined) return exactInteger(String(BigInt(value.intValue)));
  if (value.doubleValue !== undefined) {
    const number = Number(value.doubleValue);
    return Number.isFinite(number) ? number : String(number);
  }
  if (value.arrayValue !== undefined) return (value.arrayValue.values ?? []).map(plainOf);
  if (value.kvlistValue !== undefined) return mapOf(value.kvlistValue.values);
  return value.bytesValue === undefined ? null : String(value.bytesValue);
}
