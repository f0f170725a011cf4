import { ExitCode } from '../core/exit-code.ts';
import { lineageOf } from '../engine/lineage.ts';
import { readReproduction } from '../engine/read-reproduction.ts';
import { formatBytes } from '../report/text/format.ts';
import { safeText } from '../report/text/safe-text.ts';
import { textTable } from '../report/text/table.ts';
import { type Context, flag, type Parsed } from './context.ts';
import { findVersion } from './find-version.ts';
import { jsonLine } from './json-line.ts';
import { openAnywhere } from './open-anywhere.ts';

/** `recipe models lineage NAME@ALIAS` */
export async function execute({ args, options }: Parsed, context: Context): Promise<ExitCode> {
  await using project = await openAnywhere(options, context);
  const registry = await project.registry();
  const version = await findVersion(registry, args[0] ?? '', 'models lineage');
  const lineage = lineageOf(await readReproduction(version, registry, project.store));
  if (flag(options, 'json')) {
    context.out(jsonLine({ name: version.name, version: version.version, ...lineage }));
    return ExitCode.ok;
  }
  const short = (digest: string): string => digest.slice(0, 12);
  const { data, code, steps, environment } = lineage;
  const tables: string[] = [
    textTable(
      ['data', 'digest', 'size', 'kept'],
      data.map(({ name, digest, size, kept }) => [
        safeText(name),
        short(digest),
        formatBytes(size),
        kept ? 'yes' : 'no',
      ]),
    ),
    ...(code.length === 0
      ? []
      : [
          textTable(
            ['code', 'digest'],
            code.map(({ path, digest }) => [safeText(path), short(digest)]),
          ),
        ]),
    textTable(
      ['step', 'fingerprint', 'outputs', 'parameters', 'environment'],
      steps.map(({ step, fingerprint, outputs, parameters, environment: own }) => [
        step,
        short(fingerprint),
        Object.entries(outputs)
          .map(([name, digest]) => `${name} ${short(digest)}`)
          .join(', '),
        safeText(JSON.stringify(parameters)),
        safeText(JSON.stringify(own)),
      ]),
    ),
    `made by Stockpot ${environment.stockpot}${environment.packages.length === 0 ? '' : ` with ${environment.packages.join(', ')}`}\n`,
  ];
  context.out(`${version.name}/${version.version}  ${lineage.model}\n\n${tables.join('\n')}`);
  return ExitCode.ok;
}
