import { ExitCode } from '../core/exit-code.ts';
import { textTable } from '../report/text/table.ts';
import { grant, grantsOn, nameOf, revoke } from '../tracking/access/grants.ts';
import { parseResource } from '../tracking/access/parse-resource.ts';
import { PERMISSIONS } from '../tracking/access/permission.ts';
import { choice } from './choice.ts';
import { type Context, flag, type Parsed } from './context.ts';
import { jsonLine } from './json-line.ts';
import { withAccess } from './open-access.ts';

/** `recipe server grant PERMISSION RESOURCE PRINCIPAL` */
export async function give(parsed: Parsed, context: Context): Promise<ExitCode> {
  const [given = '', text = '', principal = ''] = parsed.args;
  const word = given.toUpperCase();
  // Of the cache it is said so: what fetches reads, what sends writes.
  const named = word === 'WRITE' && text === 'cache' ? 'EDIT' : word;
  const permission = choice('PERMISSION', PERMISSIONS, named, 'server grant');
  const resource = await withAccess(parsed, context, async (sql, change) => {
    const on = await parseResource(sql, text);
    await grant(sql, on, { principal, permission }, change);
    return nameOf(on);
  });
  if (flag(parsed.options, 'json')) context.out(jsonLine({ resource, principal, permission }));
  else context.out(`${principal} has ${permission} on ${resource}\n`);
  return ExitCode.ok;
}

/** `recipe server revoke RESOURCE PRINCIPAL` */
export async function take(parsed: Parsed, context: Context): Promise<ExitCode> {
  const [text = '', principal = ''] = parsed.args;
  const resource = await withAccess(parsed, context, async (sql, change) => {
    const on = await parseResource(sql, text);
    await revoke(sql, on, principal, change);
    return nameOf(on);
  });
  if (flag(parsed.options, 'json')) context.out(jsonLine({ resource, principal, revoked: true }));
  else context.out(`${principal} has nothing of its own on ${resource}\n`);
  return ExitCode.ok;
}

/** `recipe server grants RESOURCE` */
export async function list(parsed: Parsed, context: Context): Promise<ExitCode> {
  const { on, grants } = await withAccess(parsed, context, async (sql) => {
    const on = await parseResource(sql, parsed.args[0] ?? '');
    return { on, grants: await grantsOn(sql, on) };
  });
  if (flag(parsed.options, 'json')) context.out(jsonLine(grants));
  else if (grants.length === 0)
    context.out(
      on.kind === 'cache' ? 'as by their role: viewers READ, members EDIT\n' : 'nobody but administrators\n',
    );
  else
    context.out(
      textTable(
        ['who', 'permission'],
        grants.map(({ principal, permission }) => [principal, permission]),
      ),
    );
  return ExitCode.ok;
}
