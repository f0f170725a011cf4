import type { RunRequest } from './compose.ts';
import type { Surroundings } from './compose-home.ts';
import type { Tracing } from './tracing/follow-run.ts';

/** What sends a run as a trace of OpenTelemetry, if the environment asks for it; loaded only then. */
export async function openTracing(
  { world, version }: Surroundings,
  { isSubmitted = false, waiter, onWarning }: RunRequest,
): Promise<Tracing | undefined> {
  const { env } = world;
  const isOff = env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true' || env['OTEL_TRACES_EXPORTER'] === 'none';
  const endpoint = env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] || env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  if (isOff || !endpoint) return undefined;
  const { followRun } = await import('./tracing/follow-run.ts');
  return followRun({ world, version, submission: waiter, isOwn: !isSubmitted, onWarning });
}
