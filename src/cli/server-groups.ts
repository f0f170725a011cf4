import { ExitCode } from '../core/exit-code.ts';
import { textTable } from '../report/text/table.ts';
import { addMember, createGroup, deleteGroup, listGroups, removeMember } from '../tracking/access/groups.ts';
import { ROLES } from '../tracking/access/permission.ts';
import { choice } from './choice.ts';
import { type Context, flag, type Parsed, text } from './context.ts';
import { jsonLine } from './json-line.ts';
import { withAccess } from './open-access.ts';

/** `recipe server group add NAME [USER]` */
export async function add(parsed: Parsed, context: Context): Promise<ExitCode> {
  const [name = '', user] = parsed.args;
  const given = text(parsed.options, 'role');
  const role = given === undefined ? undefined : choice('--role', ROLES, given, 'server group add');
  await withAccess(parsed, context, async (sql, change) => {
    const exists = (await listGroups(sql)).some((one) => one.name === name);
    if (!exists || user === undefined) await createGroup(sql, { name, role }, change);
    if (user !== undefined) await addMember(sql, { group: name, user }, change);
  });
  if (flag(parsed.options, 'json')) context.out(jsonLine({ name, user, role }));
  else context.out(user === undefined ? `${name} is a group\n` : `${user} is in ${name}\n`);
  return ExitCode.ok;
}

/** `recipe server group list` */
export async function list(parsed: Parsed, context: Context): Promise<ExitCode> {
  const groups = await withAccess(parsed, context, (sql) => listGroups(sql));
  if (flag(parsed.options, 'json')) context.out(jsonLine(groups));
  else if (groups.length === 0) context.out('no groups\n');
  else
    context.out(
      textTable(
        ['group', 'role', 'members'],
        groups.map(({ name, role, members }) => [name, role ?? '', members.join(', ')]),
      ),
    );
  return ExitCode.ok;
}

/** `recipe server group delete NAME [USER]` */
export async function remove(parsed: Parsed, context: Context): Promise<ExitCode> {
  const [name = '', user] = parsed.args;
  await withAccess(parsed, context, (sql, change) =>
    user === undefined ? deleteGroup(sql, name, change) : removeMember(sql, { group: name, user }, change),
  );
  if (flag(parsed.options, 'json')) context.out(jsonLine({ name, user, deleted: true }));
  else context.out(user === undefined ? `${name} is no group any more\n` : `${user} is not in ${name}\n`);
  return ExitCode.ok;
}
