/** The span that a run is begun in, as its environment names it. */
export interface Caller {
  /** 32 hex digits. */
  readonly traceId: string;
  /** 16 hex digits. */
  readonly spanId: string;
  /** Whether who began the trace wants to have it. */
  readonly isSampled: boolean;
  /** What vendors wrote to each other; passed on as it is. */
  readonly state: string | undefined;
}

/** As long as W3C's Trace Context asks for it to be passed on. */
const MAX_STATE = 512;

/** W3C's `traceparent` and `tracestate`; what is not well-formed names nobody. */
export function callerOf(env: Readonly<Record<string, string | undefined>>): Caller | undefined {
  const [, version, traceId = '', spanId = '', flags = '', more] =
    /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(env['TRACEPARENT'] ?? '') ?? [];
  if (version === undefined || version === 'ff' || (version === '00' && more !== undefined)) return undefined;
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  const state = env['TRACESTATE'];
  return {
    traceId,
    spanId,
    isSampled: Number.parseInt(flags, 16) % 2 === 1,
    state: state === undefined || state.length > MAX_STATE ? undefined : state,
  };
}
