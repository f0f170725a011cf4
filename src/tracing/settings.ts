/** Where spans go, from the variables that all of OpenTelemetry's exporters read. */
export interface TracingSettings {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds for one request. */
  readonly timeoutMs: number;
  /** Attributes of whoever sends. */
  readonly resource: Readonly<Record<string, string>>;
}

type Env = Readonly<Record<string, string | undefined>>;

const TIMEOUT_MS = 10_000;

/** A problem is one sentence, without what the variable holds: that may be a secret. */
export function tracingSettings(env: Env, version: string): TracingSettings | { readonly problem: string } {
  const traces = env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] || undefined;
  const name = traces === undefined ? 'OTEL_EXPORTER_OTLP_ENDPOINT' : 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT';
  const endpoint = traces ?? env[name] ?? '';
  const url = URL.parse(endpoint);
  if (url === null || !/^https?:$/.test(url.protocol))
    return { problem: `${name} is no URL that begins with http:// or https://.` };
  if (traces === undefined) url.pathname = `${url.pathname.replace(/\/$/, '')}/v1/traces`;
  const protocol = of(env, 'PROTOCOL');
  if (protocol?.startsWith('http/') === false)
    return { problem: `OTEL_EXPORTER_OTLP_PROTOCOL asks for ${protocol}, and spans are sent by HTTP only.` };
  const timeout = Number(of(env, 'TIMEOUT'));
  return {
    url: url.href,
    headers: Object.fromEntries(
      pairsOf(of(env, 'HEADERS')).map(([key, value]) => [key.toLowerCase(), value]),
    ),
    timeoutMs: Number.isInteger(timeout) && timeout > 0 ? timeout : TIMEOUT_MS,
    resource: {
      'service.name': 'stockpot',
      'service.version': version,
      ...Object.fromEntries(pairsOf(env['OTEL_RESOURCE_ATTRIBUTES'])),
      ...(env['OTEL_SERVICE_NAME'] ? { 'service.name': env['OTEL_SERVICE_NAME'] } : {}),
    },
  };
}

/** What is said of traces goes before what is said of everything. */
function of(env: Env, what: 'HEADERS' | 'PROTOCOL' | 'TIMEOUT'): string | undefined {
  return env[`OTEL_EXPORTER_OTLP_TRACES_${what}`] || env[`OTEL_EXPORTER_OTLP_${what}`] || undefined;
}

/** `a=1,b=two%20words`; what is no pair is left out. */
function pairsOf(text = ''): (readonly [string, string])[] {
  return text.split(',').flatMap((pair) => {
    const at = pair.indexOf('=');
    const key = pair.slice(0, Math.max(at, 0)).trim();
    return key === '' ? [] : [[decoded(key), decoded(pair.slice(at + 1).trim())] as const];
  });
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // A per cent sign that stands for itself.
    return text;
  }
}
