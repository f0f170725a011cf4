/** A span in OTLP's JSON: ids are hex digits, times and integers texts of digits. */
export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly name: string;
  readonly kind: 1;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly Attribute[];
  readonly events: readonly SpanEvent[];
  readonly droppedEventsCount: number;
  readonly status: { readonly code?: 1 | 2; readonly message?: string };
}

export interface SpanEvent {
  readonly timeUnixNano: string;
  readonly name: string;
  readonly attributes: readonly Attribute[];
}

interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue: string } | { readonly intValue: string };
}

/** Characters of a text that are sent. */
const MAX_TEXT = 2048;

/** What is not known is left out. */
export function attributesOf(values: Readonly<Record<string, string | number | undefined>>): Attribute[] {
  return Object.entries(values).flatMap(([key, value]): Attribute[] => {
    if (value === undefined) return [];
    return [
      {
        key,
        value:
          typeof value === 'number'
            ? { intValue: String(Math.round(value)) }
            : { stringValue: shortened(value) },
      },
    ];
  });
}

export function shortened(text: string): string {
  return text.slice(0, MAX_TEXT).toWellFormed();
}

/** @param at milliseconds since the Unix epoch */
export function nanoseconds(at: number): string {
  return `${Math.round(at)}000000`;
}
