import { RecipeError } from '../core/recipe-error.ts';
import { databaseUrl } from '../tracking/places.ts';
import { type Context, type Parsed, text } from './context.ts';

/**
 * The address that a command's `--database` or STOCKPOT_DATABASE_URL says, see `databaseUrl`.
 *
 * @throws RecipeError USAGE
 */
export function databaseOf({ options }: Parsed, context: Context, command: string): string | undefined {
  const url =
    text(options, 'database') ?? text(options, 'backendStoreUri') ?? context.env['STOCKPOT_DATABASE_URL'];
  if (url === undefined || url === '') return undefined;
  const address = databaseUrl(url);
  if (address !== undefined) return address;
  throw new RecipeError('USAGE', {
    problem: '--database is no address that begins with postgres:// or sqlite:',
    command,
  });
}
