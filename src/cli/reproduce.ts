import { existsSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { defaultJobs, Project } from '../compose.ts';
import type { RunEvent } from '../core/events.ts';
import { ExitCode } from '../core/exit-code.ts';
import type { Digest, StepId } from '../core/ids.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { compareOutputs, differenceOf, type StepAgain } from '../engine/compare-reproduction.ts';
import { layOutReproduction, missingInputs } from '../engine/lay-out-reproduction.ts';
import { lineageOf } from '../engine/lineage.ts';
import { readReproduction } from '../engine/read-reproduction.ts';
import type { RegisteredVersion } from '../engine/registry-port.ts';
import { REPRODUCTION_TAG, type Reproduction } from '../engine/reproduction.ts';
import type { ReferencedBlob } from '../engine/resolve-inputs.ts';
import { type Context, flag, list, type Parsed, text, warningsTo } from './context.ts';
import { findVersion } from './find-version.ts';
import { jsonLine } from './json-line.ts';
import { missingSecrets } from './missing-secrets.ts';
import { openAnywhere } from './open-anywhere.ts';
import { prepareFolder } from './prepare-folder.ts';
import { type Again, reproductionText } from './reproduction-text.ts';
import { runView } from './run-view.ts';
import { suppliedFiles } from './supplied-files.ts';

/** Where a command keeps things: a model is made again from nothing that was kept. */
const PLACES = new Set(
  ['HOME', 'CACHE', 'DATABASE_URL', 'TRACKING_URL', 'REGISTRY_URL'].map((name) => `STOCKPOT_${name}`),
);

/** `recipe reproduce MODEL`: lays out what a registered model was made from, makes it again, and compares. */
export async function execute({ args, options }: Parsed, context: Context): Promise<ExitCode> {
  const asked = args[0] ?? '';
  await using project = await openAnywhere(options, context);
  const registry = await project.registry();
  const version = await findVersion(registry, asked, 'reproduce');
  const model = `${version.name}/${version.version}`;
  const reproduction = await readReproduction(version, registry, project.store);
  const { stockpot } = reproduction;
  if (stockpot !== context.version && !flag(options, 'anyVersion'))
    throw new RecipeError('REPRODUCTION_OTHER_VERSION', {
      model,
      made: stockpot,
      here: context.version,
      command: `reproduce ${asked}`,
    });
  const supplied = suppliedFiles(list(options, 'input'), reproduction, context.cwd);
  await bringModels(reproduction, project);
  const inputs = await missingInputs(reproduction, { from: project.store, supplied });
  if (inputs.length > 0) throw new RecipeError('REPRODUCTION_INPUT_MISSING', { model, inputs });
  const names = missingSecrets(reproduction.plan, context.env);
  if (names.length > 0) throw new RecipeError('REPRODUCTION_SECRETS_MISSING', { model, names });

  const into = text(options, 'into') ?? `reproduced/${nameOf(version)}`;
  const dir = resolve(context.cwd, into);
  prepareFolder(dir, version.tags[REPRODUCTION_TAG] ?? '');
  const env = Object.fromEntries(Object.entries(context.env).filter(([name]) => !PLACES.has(name)));
  await using copy = new Project(dir, { ...context, world: { ...context.world, env } });
  await layOutReproduction(reproduction, { dir, from: project.store, to: copy.store, supplied });
  const { packages } = lineageOf(reproduction).environment;
  if (packages.length > 0 && !existsSync(join(dir, 'node_modules')))
    throw new RecipeError('REPRODUCTION_PACKAGES_MISSING', {
      dir: relative(context.cwd, dir) || '.',
      packages,
    });

  const outcome = await runAgain(reproduction, copy, context, flag(options, 'json'));
  if (outcome === undefined) return ExitCode.interrupted;
  const isSame = outcome.outputs.every(({ before, now }) => before === now);
  const said = { model: version.name, version: version.version, dir, same: isSame, ...outcome };
  context.out(flag(options, 'json') ? jsonLine(said) : reproductionText(model, into, outcome));
  return isSame ? ExitCode.ok : ExitCode.stepFailed;
}

function nameOf({ name, version }: RegisteredVersion): string {
  return `${name.replaceAll(/[^\w.-]/g, '_')}-${version}`;
}

/** Models that the steps refer to, if the registry has them. */
async function bringModels({ references }: Reproduction, project: Project): Promise<void> {
  for (const { reference, digest, isKept } of references) {
    const [, name] = /^models:\/(.+?)(?:@[\w-]+|\/\d+)$/.exec(reference) ?? [];
    if (name === undefined || isKept || digest === 'none') continue;
    const registry = await project.registry();
    const found = await registry.findByDigest(name, digest);
    if (found !== undefined && project.store.blobs.size(digest) === undefined) await registry.bring?.(found);
  }
}

/** Undefined if somebody interrupted it. */
async function runAgain(
  reproduction: Reproduction,
  copy: Project,
  context: Context,
  isQuiet: boolean,
): Promise<Again | undefined> {
  const view = isQuiet ? () => {} : await runView(context);
  const first = await run(reproduction, copy, context, view);
  if (first === undefined) return undefined;
  const outputs = compareOutputs(reproduction, first);
  const differing = new Set(outputs.filter(({ before, now }) => before !== now).map(({ step }) => step));
  const differences: Again['differences'][number][] = [];
  for (const step of reproduction.steps) {
    if (!differing.has(step.id)) continue;
    const difference = differenceOf(step, first.get(step.id));
    const planned = reproduction.plan.steps.find(({ id }) => id === step.id);
    const isDeclared = planned !== undefined && planned.cache !== 'always';
    if (difference.kind !== 'other-bytes') {
      differences.push({ step: step.id, ...difference });
      continue;
    }
    // Whether it gives other bytes each time shows when it runs once more.
    const second = await run(reproduction, copy, context, view, step.id);
    if (second === undefined) return undefined;
    const isStable = sameOutputs(first.get(step.id), second.get(step.id));
    differences.push({ step: step.id, kind: isStable ? 'other-machine' : 'not-deterministic', isDeclared });
  }
  return { outputs, differences };
}

function sameOutputs(a: StepAgain | undefined, b: StepAgain | undefined): boolean {
  const digests = (one: StepAgain | undefined): string =>
    JSON.stringify(Object.entries(one?.outputs ?? {}).map(([name, { digest }]) => [name, digest]));
  return digests(a) === digests(b);
}

/** What became of each step; `only` is executed alone, whatever is cached. */
async function run(
  { plan, references, steps }: Reproduction,
  copy: Project,
  context: Context,
  view: (event: RunEvent) => void,
  only?: StepId,
): Promise<Map<StepId, StepAgain> | undefined> {
  const again = new Map<StepId, StepAgain>();
  // On this machine, whatever fleet it was made on.
  const here = { ...plan, settings: { ...plan.settings, executor: undefined } };
  const { outcome } = await copy.run(here, {
    selection: { only },
    flags: {
      force: (step) => step.id === only,
      keepGoing: true,
      jobs: defaultJobs(),
      allowChangingInputs: false,
    },
    offline: false,
    fixed: {
      references: new Map(
        references.map((one): [string, ReferencedBlob] => [
          one.reference,
          one.digest === 'none' ? 'none' : { ...one, digest: one.digest },
        ]),
      ),
      probes: new Map(
        steps.flatMap(({ id, document }) => {
          const { probe } = (document['dynamic'] as { more?: { probe?: string } }).more ?? {};
          return probe === undefined ? [] : [[id, probe] as const];
        }),
      ),
    },
    signal: context.signal,
    onWarning: warningsTo(context),
    subscribers: [
      view,
      (event) => {
        if (event.type !== 'step.succeeded' && event.type !== 'step.cached') return;
        const { step, fingerprint, outputs } = event;
        const document = copy.store.blobs.read(fingerprint as string as Digest).toString('utf8');
        again.set(step, { fingerprint, outputs, document });
      },
    ],
  });
  return outcome === 'succeeded' || outcome === 'failed' ? again : undefined;
}
