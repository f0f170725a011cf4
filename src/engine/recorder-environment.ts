import type { Recorder } from './recorder-port.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** An environment that leads MLflow's clients to a recorder, whatever it said before. */
export function recorderEnvironment<T extends Environment>(
  env: T,
  recorder: Pick<Recorder, 'env'>,
): T & Record<string, string> {
  return { ...env, ...recorder.env, ...pastProxies(env) };
}

/** A proxy would look for the recorder on its own machine. */
function pastProxies(env: Environment): Record<string, string> {
  if (!Object.keys(env).some((name) => /^(?:https?|all)_proxy$/i.test(name))) return {};
  const direct = [env['NO_PROXY'] ?? env['no_proxy'] ?? '', '127.0.0.1'].filter(Boolean).join(',');
  return { NO_PROXY: direct, no_proxy: direct };
}
