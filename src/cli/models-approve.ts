import { ExitCode } from '../core/exit-code.ts';
import { textTable } from '../report/text/table.ts';
import type { Promotion } from '../tracking/protection/promotion.ts';
import { type Context, flag, type Parsed } from './context.ts';
import { jsonLine } from './json-line.ts';
import { openRegistry } from './open-registry.ts';
import { refusing } from './refusing.ts';
import { instant } from './run-columns.ts';
import { whoAsked } from './who-asked.ts';

/** `recipe models approve ID` */
export async function approve(parsed: Parsed, context: Context): Promise<ExitCode> {
  return decide(parsed, context, 'approve');
}

/** `recipe models reject ID` */
export async function reject(parsed: Parsed, context: Context): Promise<ExitCode> {
  return decide(parsed, context, 'reject');
}

/** `recipe models promotions NAME` */
export async function promotions({ args, options }: Parsed, context: Context): Promise<ExitCode> {
  await using project = await openRegistry(options, context);
  const approvals = await project.approvals();
  const found = await refusing(() => approvals.promotions(args[0] ?? ''));
  if (flag(options, 'json')) context.out(jsonLine(found));
  else if (found.length === 0) context.out('nobody asked for a protected alias\n');
  else
    context.out(
      textTable(
        ['id', 'alias', 'version', 'before', 'state', 'asked by', 'when (UTC)', 'decided by'],
        found.map((one) => [
          one.id,
          one.alias,
          one.version,
          one.before ?? '',
          one.state,
          whoAsked(one.requested_by, one.requested_for),
          instant(one.requested_at),
          one.decided_by ?? '',
        ]),
      ),
    );
  return ExitCode.ok;
}

/** `recipe models history NAME` */
export async function history({ args, options }: Parsed, context: Context): Promise<ExitCode> {
  await using project = await openRegistry(options, context);
  const registry = await project.registry();
  const changes = await registry.changes(args[0] ?? '');
  if (flag(options, 'json')) context.out(jsonLine(changes));
  else if (changes.length === 0) context.out(`nothing was done to ${args[0] ?? ''}\n`);
  else
    context.out(
      textTable(
        ['when (UTC)', 'who', 'what', 'before', 'after'],
        changes.map((row) => [
          instant(row.at),
          whoAsked(row.actor, row.for),
          row.action,
          row.before ?? '',
          row.after ?? '',
        ]),
      ),
    );
  return ExitCode.ok;
}

async function decide(
  { args, options }: Parsed,
  context: Context,
  how: 'approve' | 'reject',
): Promise<ExitCode> {
  await using project = await openRegistry(options, context);
  const approvals = await project.approvals();
  const promotion = await refusing(() => approvals[how](args[0] ?? ''));
  if (flag(options, 'json')) context.out(jsonLine(promotion));
  else context.out(`${said(promotion)}\n`);
  return promotion.state === 'stale' ? ExitCode.gateClosed : ExitCode.ok;
}

function said({ name, alias, version, before, state }: Promotion): string {
  const from = before === null ? '' : ` (before: ${before})`;
  switch (state) {
    case 'approved':
      return `${name}: ${alias} → version ${version}${from}`;
    case 'stale':
      return `${name}: ${alias} moved meanwhile; the wish for version ${version} is stale, and nothing was done`;
    default:
      return `${name}: the wish for version ${version} as ${alias} is ${state}`;
  }
}
