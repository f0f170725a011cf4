import { ExitCode } from '../core/exit-code.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { textTable } from '../report/text/table.ts';
import { checkPassword, hashPassword } from '../tracking/access/passwords.ts';
import { ROLES } from '../tracking/access/permission.ts';
import { createUser, deleteUser, listUsers, setPassword, setRole } from '../tracking/access/users.ts';
import { choice } from './choice.ts';
import { type Context, flag, type Parsed, text } from './context.ts';
import { jsonLine } from './json-line.ts';
import { withAccess } from './open-access.ts';
import { readPassword } from './read-password.ts';
import { refusing } from './refusing.ts';

/** `recipe server user add NAME` */
export async function add(parsed: Parsed, context: Context): Promise<ExitCode> {
  const name = parsed.args[0] ?? '';
  const role = choice('--role', ROLES, text(parsed.options, 'role') ?? 'member', 'server user add');
  const passwordHash = await passwordOf(parsed, context);
  await withAccess(parsed, context, (sql, change) => createUser(sql, { name, role, passwordHash }, change));
  if (flag(parsed.options, 'json')) context.out(jsonLine({ name, role }));
  else {
    context.out(`${name} is a ${role}\n`);
    if (passwordHash === undefined) context.out(`  recipe server token add ${name} makes a token\n`);
  }
  return ExitCode.ok;
}

/** `recipe server user list` */
export async function list(parsed: Parsed, context: Context): Promise<ExitCode> {
  const users = await withAccess(parsed, context, (sql) => listUsers(sql));
  const shown = users.map(({ name, role, passwordHash, createdAt }) => ({
    name,
    role,
    has_password: passwordHash !== undefined,
    created_at: createdAt,
  }));
  if (flag(parsed.options, 'json')) context.out(jsonLine(shown));
  else if (shown.length === 0) context.out('no users: recipe server user add NAME --role admin\n');
  else
    context.out(
      textTable(
        ['user', 'role', 'password'],
        shown.map((one) => [one.name, one.role, one.has_password ? 'yes' : 'no']),
      ),
    );
  return ExitCode.ok;
}

/** `recipe server user set NAME` */
export async function set(parsed: Parsed, context: Context): Promise<ExitCode> {
  const name = parsed.args[0] ?? '';
  const role = text(parsed.options, 'role');
  const chosen = role === undefined ? undefined : choice('--role', ROLES, role, 'server user set');
  const hash = await passwordOf(parsed, context);
  if (chosen === undefined && hash === undefined)
    throw new RecipeError('USAGE', { problem: 'Say --role or --password', command: 'server user set' });
  await withAccess(parsed, context, async (sql, change) => {
    if (chosen !== undefined) await setRole(sql, name, chosen, change);
    if (hash !== undefined) await setPassword(sql, name, hash, change);
  });
  if (flag(parsed.options, 'json')) context.out(jsonLine({ name, role: chosen }));
  else context.out(`${name} is changed\n`);
  return ExitCode.ok;
}

/** `recipe server user delete NAME` */
export async function remove(parsed: Parsed, context: Context): Promise<ExitCode> {
  const name = parsed.args[0] ?? '';
  await withAccess(parsed, context, (sql, change) => deleteUser(sql, name, change));
  if (flag(parsed.options, 'json')) context.out(jsonLine({ name, deleted: true }));
  else context.out(`${name} is no user any more\n`);
  return ExitCode.ok;
}

async function passwordOf({ options }: Parsed, context: Context): Promise<string | undefined> {
  if (!flag(options, 'password')) return undefined;
  const password = await readPassword(context);
  await refusing(async () => checkPassword(password));
  return hashPassword(password);
}
