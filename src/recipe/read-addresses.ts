import type { Addresses } from '../core/plan.ts';
import type { Scope } from './evaluate.ts';
import { invalid, textValue } from './read-value.ts';
import { refusePassword } from './refuse-password.ts';
import { errorAt } from './source.ts';
import type { MapTree } from './tree.ts';

const RULES = {
  database: {
    protocol: /^(?:postgres(?:ql)?(?:\+\w+)?|sqlite):$/,
    rule: 'is no address that begins with postgres:// or sqlite:',
  },
  tracking: { protocol: /^https?:$/, rule: 'is no address that begins with http:// or https://' },
  model_registry: { protocol: /^https?:$/, rule: 'is no address that begins with http:// or https://' },
} as const;

/**
 * The addresses among the settings of a profile.
 *
 * @throws RecipeError VALUE_INVALID, PASSWORD_IN_PROFILE
 */
export function readAddresses(settings: MapTree | undefined, scope: Scope): Addresses {
  const read = (key: keyof typeof RULES): string | undefined => {
    const entry = settings?.entries.get(key);
    if (entry === undefined) return undefined;
    refusePassword(key, entry);
    const text = textValue(entry.value, key, scope);
    const url = URL.canParse(text) ? new URL(text) : undefined;
    if (url === undefined || !RULES[key].protocol.test(url.protocol))
      throw invalid(entry.value.span, key, RULES[key].rule);
    // Where it is put together from values, or stands behind the question mark.
    if (url.password !== '' || url.searchParams.has('password'))
      throw errorAt(entry.value.span, 'PASSWORD_IN_PROFILE', { key });
    return text;
  };
  const [database, tracking, registry] = [read('database'), read('tracking'), read('model_registry')];
  return {
    ...(database === undefined ? {} : { database }),
    ...(tracking === undefined ? {} : { tracking }),
    ...(registry === undefined ? {} : { registry }),
  };
}
