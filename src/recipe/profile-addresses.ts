import type { Addresses } from '../core/plan.ts';
import type { Scope } from './evaluate.ts';
import { FileReader } from './file-reader.ts';
import { Names } from './names.ts';
import { type Profile, readProfile } from './profile.ts';
import { readAddresses } from './read-addresses.ts';
import { Source } from './source.ts';
import { mapOf } from './tree.ts';

/**
 * The addresses that a profile of a project names, for commands that have no recipe: of `profiles/NAME.yaml`,
 * or of `local` if there is one.
 *
 * @throws RecipeError PROFILE_NOT_FOUND and what is wrong in the file
 */
export function profileAddresses(projectDir: string, name: string | undefined): Addresses {
  const files = new FileReader(projectDir);
  const profile = readProfile(files, '.', name);
  return readAddresses(profile.settings, scopeOf(files, profile));
}

function scopeOf(files: FileReader, { values, params, settings }: Profile): Scope {
  const nowhere = { source: new Source('', ''), start: 0, end: 0 };
  const none = mapOf([], settings?.span ?? nowhere);
  return new Names({ files, values, params: params ?? none, stepOf: () => undefined }).scope({});
}
