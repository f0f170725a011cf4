import { promisify } from 'node:util';
import { gunzip, inflate, inflateRaw } from 'node:zlib';
import { isDeepJson } from '../core/json-depth.ts';
import { invalid } from '../tracking/mlflow/mlflow-error.ts';

/** An attribute's value as OTLP's JSON has it, if its sender keeps to that. */
export interface AnyValue {
  readonly stringValue?: unknown;
  readonly boolValue?: unknown;
  readonly intValue?: string | number;
  readonly doubleValue?: number | string;
  readonly arrayValue?: { readonly values?: readonly AnyValue[] };
  readonly kvlistValue?: { readonly values?: readonly KeyValue[] };
  /** Base64. */
  readonly bytesValue?: unknown;
}

export interface KeyValue {
  readonly key?: string;
  readonly value?: AnyValue;
}

/** A span as OTLP's JSON has it: ids are hex digits, times texts of digits. */
export interface OtlpSpan {
  readonly traceId?: string;
  readonly spanId?: string;
  readonly parentSpanId?: string;
  readonly name?: unknown;
  readonly startTimeUnixNano?: string | number;
  readonly endTimeUnixNano?: string | number;
  readonly attributes?: readonly KeyValue[];
  readonly events?: readonly {
    readonly timeUnixNano?: string | number;
    readonly name?: unknown;
    readonly attributes?: readonly KeyValue[];
  }[];
  readonly links?: readonly {
    readonly traceId?: string;
    readonly spanId?: string;
    readonly attributes?: readonly KeyValue[];
  }[];
  readonly status?: { readonly code?: number | string; readonly message?: unknown };
}

export interface OtlpRequest {
  readonly resourceSpans?: readonly {
    readonly resource?: { readonly attributes?: readonly KeyValue[] };
    readonly scopeSpans?: readonly { readonly spans?: readonly OtlpSpan[] }[];
  }[];
}

/** What reads protobuf takes 100 messages within each other; in JSON every second of an attribute is in a list, too. */
const MAX_OTLP_DEPTH = 160;

/** A body may become larger than it came, but not without limit. */
const MAX_INFLATED = 32 * 1024 * 1024;

/**
 * Reads an export request, whatever form it has.
 *
 * @throws MlflowError INVALID_PARAMETER_VALUE
 */
export async function readOtlpRequest(
  body: Buffer,
  { type, encoding }: { type: string | undefined; encoding: string | undefined },
): Promise<OtlpRequest> {
  const media = type?.split(';')[0]?.trim().toLowerCase();
  if (media !== 'application/x-protobuf' && media !== 'application/json')
    throw invalid(
      `Invalid Content-Type: ${String(type).slice(0, 80)}. Expected: application/x-protobuf or application/json`,
    );
  const bytes = await inflated(body, encoding?.trim().toLowerCase());
  try {
    const request = media === 'application/json' ? fromJson(bytes) : await fromProtobuf(bytes);
    if ((request.resourceSpans ?? []).length > 0) return request;
  } catch {
    throw invalid('Invalid OpenTelemetry format');
  }
  throw invalid('Invalid OpenTelemetry format - no spans found');
}

async function inflated(body: Buffer, encoding: string | undefined): Promise<Buffer> {
  const limit = { maxOutputLength: MAX_INFLATED };
  try {
    switch (encoding) {
      case undefined:
      case 'identity':
        return body;
      case 'gzip':
        return await promisify(gunzip)(body, limit);
      case 'deflate':
        // Some clients leave out the header of the format.
        return (body[0] ?? 0) % 16 === 8
          ? await promisify(inflate)(body, limit)
          : await promisify(inflateRaw)(body, limit);
    }
  } catch {
    throw invalid(`Failed to decompress the ${encoding} payload, or it is larger than ${MAX_INFLATED} bytes`);
  }
  throw invalid(`Unsupported Content-Encoding: ${encoding.slice(0, 80)}`);
}

function fromJson(bytes: Buffer): OtlpRequest {
  const text = bytes.toString('utf8');
  if (isDeepJson(text, MAX_OTLP_DEPTH)) throw new RangeError('too deep');
  const request: unknown = JSON.parse(text);
  if (typeof request !== 'object' || request === null) throw new TypeError('no object');
  return request;
}

/** Ids are hex digits afterwards, as in JSON; other bytes base64. */
async function fromProtobuf(bytes: Buffer): Promise<OtlpRequest> {
  // Most servers never get here.
  const { EXPORT_REQUEST } = await import('./otlp-schema.ts');
  const request: OtlpRequest = EXPORT_REQUEST.toObject(EXPORT_REQUEST.decode(bytes), {
    longs: String,
    bytes: String,
  });
  return {
    resourceSpans: (request.resourceSpans ?? []).map((resource) => ({
      ...resource,
      scopeSpans: (resource.scopeSpans ?? []).map(({ spans = [] }) => ({
        spans: spans.map((span) => ({
          ...span,
          ...hexIds(span),
          links: (span.links ?? []).map((link) => ({ ...link, ...hexIds(link) })),
        })),
      })),
    })),
  };
}

function hexIds(ids: {
  readonly traceId?: string;
  readonly spanId?: string;
  readonly parentSpanId?: string;
}): object {
  const hex = (id: string | undefined): string => Buffer.from(id ?? '', 'base64').toString('hex');
  return {
    traceId: hex(ids.traceId),
    spanId: hex(ids.spanId),
    ...(ids.parentSpanId === undefined ? {} : { parentSpanId: hex(ids.parentSpanId) }),
  };
}
