import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const ROOT = join(import.meta.dirname, '..');

/** Version of each shipped component and the digest of the code that decides what it writes. */
export function componentCode(): Record<string, { version: string; code: string }> {
  const names = readdirSync(join(ROOT, 'steps'));
  return Object.fromEntries(
    names.map((name) => {
      const entry = join(ROOT, 'steps', name, 'run.ts');
      const version = /^ {2}version: '([\d.]+)'/m.exec(readFileSync(entry, 'utf8'))?.[1] ?? '';
      return [name, { version, code: digestOf(closureOf(entry)) }];
    }),
  );
}

/**
 * The component's own file, and of `src/tables` and `src/learn` what it imports by name and what that
 * imports. Not `src/core`: messages of errors are no output.
 */
function closureOf(entry: string): Set<string> {
  const found = new Set<string>();
  const pending = [entry];
  for (let file = pending.pop(); file !== undefined; file = pending.pop()) {
    if (found.has(file)) continue;
    found.add(file);
    pending.push(...importsOf(file).filter((path) => /\/(?:src\/(?:tables|learn)|steps)\//.test(path)));
  }
  return found;
}

function importsOf(file: string): string[] {
  const source = readFileSync(file, 'utf8');
  return Array.from(
    source.matchAll(/^import (type )?([\s\S]*?) from '([^']+)';/gm),
    ([, isType, names = '', from = '']) => ({ isType, names, from }),
  )
    .filter(({ isType }) => isType === undefined)
    .flatMap(({ names, from }) => {
      if (from.startsWith('.')) return [join(dirname(file), from)];
      const subpath = /^stockpot\/(tables|learn)$/.exec(from)?.[1];
      return subpath === undefined ? [] : exportersOf(subpath, names);
    });
}

/** Files behind names that a public subpath exports. */
function exportersOf(subpath: string, names: string): string[] {
  const file = join(ROOT, 'src/exports', `${subpath}.ts`);
  const wanted = new Set(
    Array.from(names.matchAll(/\b(type )?(\w+)/g), ([, isType, name = '']) =>
      isType === undefined ? name : '',
    ),
  );
  return Array.from(
    readFileSync(file, 'utf8').matchAll(/^export (?!type)\{([\s\S]*?)\} from '([^']+)';/gm),
  ).flatMap(([, exported = '', from = '']) =>
    Array.from(exported.matchAll(/\b(type )?(\w+)/g)).some(
      ([, isType, name = '']) => isType === undefined && wanted.has(name),
    )
      ? [join(dirname(file), from)]
      : [],
  );
}

function digestOf(files: ReadonlySet<string>): string {
  const hash = createHash('sha256');
  for (const file of [...files].toSorted((a, b) => (a < b ? -1 : 1)))
    hash.update(`${relative(ROOT, file)}\0${readFileSync(file, 'utf8')}\0`);
  return hash.digest('hex');
}
