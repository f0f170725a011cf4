import { approveCommand } from '../core/approve-command.ts';
import { ExitCode } from '../core/exit-code.ts';
import { promote } from '../engine/promotion.ts';
import { type Context, flag, type Parsed, text } from './context.ts';
import { findVersion } from './find-version.ts';
import { jsonLine } from './json-line.ts';
import { openRegistry } from './open-registry.ts';

/** `recipe models promote NAME@ALIAS`, or NAME/VERSION: points another alias to it. */
export async function execute({ args, options }: Parsed, context: Context): Promise<ExitCode> {
  await using project = await openRegistry(options, context);
  const alias = text(options, 'to') ?? 'champion';
  const registry = await project.registry();
  const version = await findVersion(registry, args[0] ?? '', 'models promote');
  const { name } = version;
  const { before, pending } = await promote(registry, version, alias);
  const outcome = {
    model: name,
    alias,
    before: before ?? null,
    after: version.version,
    ...(pending === undefined ? {} : { pending, approve: approveCommand(pending) }),
  };
  if (pending !== undefined && !flag(options, 'json')) {
    context.out(
      `${name}: ${alias} → version ${version.version} is pending: somebody else approves it with \`${approveCommand(pending)}\`\n`,
    );
    return ExitCode.ok;
  }
  const was = before === undefined || before === version.version ? '' : ` (before: ${before})`;
  context.out(
    flag(options, 'json') ? jsonLine(outcome) : `${name}: ${alias} → version ${version.version}${was}\n`,
  );
  return ExitCode.ok;
}
