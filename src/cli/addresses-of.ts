import type { Addresses } from '../core/plan.ts';
import { type Parsed, text } from './context.ts';

/** The addresses that a command line names. */
export function addressesOf(options: Parsed['options']): Addresses {
  const [database, tracking] = [text(options, 'database'), text(options, 'tracking')];
  return {
    ...(database === undefined ? {} : { database }),
    ...(tracking === undefined ? {} : { tracking }),
  };
}
