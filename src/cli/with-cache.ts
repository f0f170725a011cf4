import { resolve } from 'node:path';
import { type Context, type Parsed, text } from './context.ts';

/** `--cache DIR`: the folder that servers on one database share. */
export function withCache(options: Parsed['options'], context: Context): Context {
  const cache = text(options, 'cache');
  if (cache === undefined) return context;
  const env = { ...context.env, STOCKPOT_CACHE: resolve(context.cwd, cache) };
  return { ...context, env, world: { ...context.world, env } };
}
