import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { stringify } from 'yaml';
import type { StepDefinition } from '../src/step/define-step.ts';
import { manifestOf } from '../src/step/manifest-of.ts';

/** The manifest of a shipped component, as its definition says it. */
export async function componentYaml(name: string): Promise<string> {
  const module = (await import(
    pathToFileURL(join(import.meta.dirname, '../steps', name, 'run.ts')).href
  )) as {
    step: StepDefinition;
  };
  const head = '# Written by `npm run components` from run.ts.\n';
  return (
    head + stringify(manifestOf(module.step, 'run.ts'), { lineWidth: 110, aliasDuplicateObjects: false })
  );
}
