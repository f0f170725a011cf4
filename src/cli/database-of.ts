import { RecipeError } from '../core/recipe-error.ts';
import { type Context, type Parsed, text } from './context.ts';

/**
 * The address that a command's `--database` or STOCKPOT_DATABASE_URL says: `postgres://…` or `sqlite:PATH`.
 * MLflow's spellings are the same: `postgresql+psycopg2://…`, `sqlite:///relative.db`, `sqlite:////absolute.db`.
 *
 * @throws RecipeError USAGE
 */
export function databaseOf({ options }: Parsed, context: Context, command: string): string | undefined {
  const url =
    text(options, 'database') ?? text(options, 'backendStoreUri') ?? context.env['STOCKPOT_DATABASE_URL'];
  if (url === undefined || url === '') return undefined;
  const [, address] = /^postgres(?:ql)?(?:\+\w+)?:(\/\/.+)$/.exec(url) ?? [];
  if (address !== undefined) return `postgres:${address}`;
  const [, path] = /^sqlite:(?:\/\/\/)?(.+)$/.exec(url) ?? [];
  if (path !== undefined) return `sqlite:${path}`;
  throw new RecipeError('USAGE', {
    problem: '--database is no address that begins with postgres:// or sqlite:',
    command,
  });
}
