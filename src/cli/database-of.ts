import { RecipeError } from '../core/recipe-error.ts';
import { parseSource } from '../tracking/import/parse-source.ts';
import { databaseUrl } from '../tracking/places.ts';
import { type Context, type Parsed, text } from './context.ts';

/**
 * The address that a command's `--database` or STOCKPOT_DATABASE_URL says, see `databaseUrl`.
 *
 * @throws RecipeError USAGE
 */
export function databaseOf(parsed: Parsed, context: Context, command: string): string | undefined {
  const [flag, url] = saidIn(parsed, context);
  if (url === undefined || url === '') return undefined;
  const address = databaseUrl(url);
  if (address !== undefined) return address;
  const folder = parseSource(url);
  throw new RecipeError('USAGE', {
    problem:
      folder?.kind === 'path'
        ? `${flag} ${url} is no database: a folder of MLflow's is brought into one by \`recipe server import ${url}\``
        : `${flag} is no address that begins with postgres:// or sqlite:`,
    command,
  });
}

/** What was said, and by what. */
function saidIn({ options }: Parsed, { env }: Context): readonly [by: string, url: string | undefined] {
  const database = text(options, 'database');
  if (database !== undefined) return ['--database', database];
  const uri = text(options, 'backendStoreUri');
  return uri === undefined
    ? ['STOCKPOT_DATABASE_URL', env['STOCKPOT_DATABASE_URL']]
    : ['--backend-store-uri', uri];
}
