import { matchesGlob } from 'node:path';
import { errorAt, type Span } from './source.ts';

/** Bytes that a name and a path may have on the file systems of today. */
const MAX_NAME = 255;
const MAX_PATH = 4000;
/** What braces in a glob may multiply to. */
const MAX_ALTERNATIVES = 1000;

/** Control characters, and those that change the direction of the text they stand in. */
// oxlint-disable-next-line no-control-regex
const INVISIBLE = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

/**
 * A path inside the project, or below `out/`, as it is written: without `./`, `.` and doubled slashes.
 *
 * @throws RecipeError PATH_UNSAFE
 */
export function projectPath(written: string, span: Span): string {
  if (!isBelow(written)) throw errorAt(span, 'PATH_UNSAFE', { path: shortened(written) });
  return namesOf(written).join('/');
}

/** Whether a relative path stays below the folder it starts from, and is one that a file system can have. */
export function isBelow(written: string): boolean {
  const names = namesOf(written);
  return (
    names.length > 0 &&
    !written.startsWith('/') &&
    !written.includes('\\') &&
    !INVISIBLE.test(written) &&
    written.isWellFormed() &&
    Buffer.byteLength(written) <= MAX_PATH &&
    names.every((name) => name !== '..' && Buffer.byteLength(name) <= MAX_NAME)
  );
}

function namesOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}

/**
 * A path inside the project that may be a glob. Braces are kept from climbing out, as `{..,a}` would, and
 * from multiplying beyond what can be looked through.
 *
 * @throws RecipeError PATH_UNSAFE, VALUE_INVALID
 */
export function projectGlob(written: string, span: Span): { path: string; glob: boolean } {
  const path = projectPath(written, span);
  if (!/[*?[{]/.test(path)) return { path, glob: false };
  if (alternatives(path) > MAX_ALTERNATIVES || path.split('**').length > 5)
    throw errorAt(span, 'VALUE_INVALID', {
      what: `the pattern ${shortened(written)}`,
      problem: `means more than ${MAX_ALTERNATIVES} patterns`,
    });
  const climbs = path
    .split('/')
    .some((name) => name.includes('..') || braceDepth(name) !== 0 || matchesGlob('..', name));
  if (climbs) throw errorAt(span, 'PATH_UNSAFE', { path: shortened(written) });
  return { path, glob: true };
}

/** How many patterns the braces stand for, or more: groups inside groups are counted as if side by side. */
function alternatives(pattern: string): number {
  let product = 1;
  for (const group of pattern.split('{').slice(1)) product *= group.split(',').length;
  return product;
}

function braceDepth(name: string): number {
  return name.split('{').length - name.split('}').length;
}

function shortened(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
