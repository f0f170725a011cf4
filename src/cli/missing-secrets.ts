import { existsSync } from 'node:fs';
import type { Plan } from '../core/plan.ts';
import { secretSource } from '../engine/secrets.ts';

/** Environment variables and files that hold secrets of a plan and are not there: names only. */
export function missingSecrets(
  { steps, settings }: Plan,
  env: Readonly<Record<string, string | undefined>>,
): string[] {
  const missing = new Set<string>();
  for (const step of steps)
    for (const value of Object.values(step.env)) {
      if (typeof value === 'string' || !('secret' in value)) continue;
      const source = secretSource(settings.secrets, value.secret);
      if ('env' in source && (env[source.env] ?? '') === '') missing.add(source.env);
      if ('file' in source && !existsSync(source.file)) missing.add(source.file);
    }
  return [...missing];
}
