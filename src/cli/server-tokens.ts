import { ExitCode } from '../core/exit-code.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { textTable } from '../report/text/table.ts';
import { SCOPES } from '../tracking/access/permission.ts';
import { createToken, listTokens, revokeToken } from '../tracking/access/tokens.ts';
import { requireUser } from '../tracking/access/users.ts';
import { choice } from './choice.ts';
import { type Context, flag, type Parsed, text } from './context.ts';
import { jsonLine } from './json-line.ts';
import { withAccess } from './open-access.ts';

const DAY_MS = 86_400_000;

/** `recipe server token add USER` */
export async function add(parsed: Parsed, context: Context): Promise<ExitCode> {
  const username = parsed.args[0] ?? '';
  const name = text(parsed.options, 'name') ?? 'token';
  const scope = choice('--scope', SCOPES, text(parsed.options, 'scope') ?? 'write', 'server token add');
  const days = whole('--expires', text(parsed.options, 'expires') ?? '90');
  const { token, expiresAt } = await withAccess(parsed, context, async (sql, change) => {
    await requireUser(sql, username);
    const until = change.at + days * DAY_MS;
    const kind = 'api' as const;
    return {
      token: await createToken(sql, { kind, username, name, scope, expiresAt: until }, change),
      expiresAt: until,
    };
  });
  if (flag(parsed.options, 'json'))
    context.out(jsonLine({ token, username, name, scope, expires_at: expiresAt }));
  else {
    // The token alone is the output, for `export MLFLOW_TRACKING_TOKEN=$(…)`.
    context.out(`${token}\n`);
    context.err(`good for ${days} days; it is shown this once\n`);
  }
  return ExitCode.ok;
}

/** `recipe server token list [USER]` */
export async function list(parsed: Parsed, context: Context): Promise<ExitCode> {
  const tokens = await withAccess(parsed, context, (sql) => listTokens(sql, parsed.args[0]));
  if (flag(parsed.options, 'json')) context.out(jsonLine(tokens));
  else if (tokens.length === 0) context.out('no tokens\n');
  else
    context.out(
      textTable(
        ['id', 'user', 'name', 'scope', 'until', 'last used'],
        tokens.map((one) => [
          String(one.id),
          one.username ?? '',
          one.name,
          one.scope,
          dayOf(one.expires_at),
          dayOf(one.used_at),
        ]),
      ),
    );
  return ExitCode.ok;
}

/** `recipe server token revoke ID` */
export async function revoke(parsed: Parsed, context: Context): Promise<ExitCode> {
  const id = whole('ID', parsed.args[0] ?? '');
  await withAccess(parsed, context, (sql, change) => revokeToken(sql, id, undefined, change));
  if (flag(parsed.options, 'json')) context.out(jsonLine({ id, revoked: true }));
  else context.out(`token ${id} is good for nothing any more\n`);
  return ExitCode.ok;
}

function whole(what: string, value: string): number {
  if (/^[1-9]\d{0,5}$/.test(value)) return Number(value);
  throw new RecipeError('USAGE', {
    problem: `${what} ${value} is no whole number from 1`,
    command: 'server token',
  });
}

function dayOf(at: number | null): string {
  return at === null ? '' : new Date(at).toISOString().slice(0, 10);
}
