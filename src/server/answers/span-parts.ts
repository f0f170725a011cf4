import { BOOLEAN, DOUBLE, listOf, optional, part, type Shape, TEXT } from './shape.ts';

/** OpenTelemetry's: whole numbers are texts, as they go up to 2^64. */
const ANY_VALUE = part('AnyValue', (self) => ({
  string_value: optional(TEXT),
  bool_value: optional(BOOLEAN),
  int_value: optional(TEXT),
  double_value: optional(DOUBLE),
  array_value: optional(part('ArrayValue', { values: listOf(self) })),
  kvlist_value: optional(part('KeyValueList', { values: listOf(keyValue(self)) })),
}));

const ATTRIBUTES = listOf(keyValue(ANY_VALUE));

/** OpenTelemetry's span in protobuf's JSON: ids in base64, times in nanoseconds. */
export const SPAN = part('Span', {
  trace_id: TEXT,
  span_id: TEXT,
  parent_span_id: optional(TEXT),
  name: TEXT,
  start_time_unix_nano: TEXT,
  end_time_unix_nano: optional(TEXT),
  attributes: ATTRIBUTES,
  events: listOf(part('SpanEvent', { time_unix_nano: TEXT, name: TEXT, attributes: ATTRIBUTES })),
  links: listOf(part('SpanLink', { trace_id: TEXT, span_id: TEXT, attributes: ATTRIBUTES })),
  status: part('SpanStatus', { code: TEXT, message: optional(TEXT) }),
});

function keyValue(value: Shape): Shape {
  return part('KeyValue', { key: TEXT, value });
}
