import { resolve } from 'node:path';
import type { Digest, Fingerprint } from '../core/ids.ts';
import type { PlanStep, Settings } from '../core/plan.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { digestOf } from '../store/hash.ts';
import type { ResolvedInput } from './ports.ts';
import { type InputSources, resolveInputs } from './resolve-inputs.ts';
import type { CodeBook } from './step-code.ts';
import { documentFrom, staticText } from './task-document.ts';

/** A step of which all is known that its outputs depend on. */
export interface PreparedTask {
  readonly fingerprint: Fingerprint;
  readonly document: string;
  readonly inputs: readonly ResolvedInput[];
  readonly code: readonly { readonly path: string; readonly digest: Digest }[];
}

export interface TaskSources extends InputSources {
  readonly settings: Settings;
  readonly code: CodeBook;
  /** First line of `<tool> --version`, asked once a run. */
  readonly toolVersion: (tool: string) => string;
  /** Answer of the step's probe, if it has one. */
  readonly probeOf: (step: PlanStep) => string | undefined;
}

/** Looks up inputs and code and puts the task document together. Every step it needs must be done. */
export function prepareTask(step: PlanStep, sources: TaskSources): PreparedTask {
  const inputs = resolveInputs(step, sources);
  const code = sources.code.of(step);
  const configFiles = configFilesOf(step, sources);
  const document = documentFrom(staticTextOf(step, sources.settings.salt), {
    inputs,
    code: code.files,
    configFiles: Object.fromEntries(configFiles.map(({ key, digest }) => [key, digest])),
    packages: code.packages,
    tools: Object.fromEntries(step.tools.map((tool) => [tool, sources.toolVersion(tool)])),
    runtime: runtimeOf(step, sources),
    probe: sources.probeOf(step),
  });
  // The one place where a fingerprint is made.
  return {
    fingerprint: digestOf(document) as string as Fingerprint,
    document,
    inputs,
    code: [...code.files, ...configFiles],
  };
}

/** A cached plan carries the text with it. */
function staticTextOf(step: PlanStep & { readonly staticText?: string }, salt: string | undefined): string {
  return step.staticText ?? staticText(step, salt);
}

function configFilesOf(
  step: PlanStep,
  { projectDir, store }: InputSources,
): { key: string; path: string; digest: Digest }[] {
  return step.configFiles.flatMap((key) => {
    const path = step.config[key];
    if (typeof path !== 'string') return [];
    const file = store.files.sync(resolve(projectDir, path));
    if (file === undefined)
      throw new RecipeError('INPUT_NOT_FOUND', { step: step.id, input: key, path }, { at: step.at });
    return [{ key, path, digest: file.digest }];
  });
}

function runtimeOf({ action }: PlanStep, { toolVersion }: TaskSources): string | undefined {
  if (action.kind !== 'own' || action.runtime === 'exec') return undefined;
  if (action.runtime === 'python')
    return toolVersion('python3').split('.').slice(0, 2).join('.').toLowerCase();
  return toolVersion('node').split('.')[0];
}
