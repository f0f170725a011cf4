import { globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';

/** Lowest first. A folder imports itself and lower rows; folders on one row do not know each other. */
const LAYERS = [
  ['core', 'client'],
  ['net', 'db'],
  ['recipe', 'store', 'step', 'tables', 'learn'],
  ['engine'],
  ['executors', 'tracking', 'ledger', 'report', 'schedule', 'tracing'],
  ['server'],
  ['compose'],
  ['cli', 'exports'],
];

const SRC = join(import.meta.dirname, '../src');
const IMPORT = /(?:^(?:import|export)\b[^'"]*?from\s+|\bimport\()'(\.[^']+)'/gm;

function importsOf(file: string): string[] {
  return Array.from(readFileSync(join(SRC, file), 'utf8').matchAll(IMPORT), ([, specifier = '']) =>
    join(dirname(file), specifier),
  );
}

test('src/ depends downwards only', () => {
  const imports = globSync('**/*.ts', { cwd: SRC }).flatMap((file) =>
    importsOf(file).map((target) => ({ file, target })),
  );
  expect(imports.length).toBeGreaterThan(40);
  const violations = imports
    .filter(({ file, target }) => !mayImport(folder(file), folder(target)))
    .map(({ file, target }) => `${file} → ${target}`);
  expect(violations).toEqual([]);
});

test('core/ does no I/O, but for the one file that says so', () => {
  const found = globSync('core/**/*.ts', { cwd: SRC }).filter(
    (file) => file !== 'core/system-world.ts' && /from 'node:/.test(readFileSync(join(SRC, file), 'utf8')),
  );
  expect(found).toEqual([]);
});

test('components see the exports of the package only', () => {
  const steps = join(SRC, '../steps');
  const files = globSync('**/*.ts', { cwd: steps });
  const reachingIn = files.filter((file) =>
    /from '(?:\.\.\/)+src\//.test(readFileSync(join(steps, file), 'utf8')),
  );
  expect(reachingIn).toEqual([]);
});

const STATIC = /^(?:import|export)\s(?!type\b)[^'"]*?from\s+'([^']+)'/gm;

/** What is loaded before the first statement of a file runs: files of `src/`, and packages with who names them. */
function loadedBy(...entries: string[]): { files: ReadonlySet<string>; packages: readonly string[] } {
  const files = new Set<string>();
  const packages: string[] = [];
  for (const pending = [...entries]; pending.length > 0; ) {
    const file = pending.pop() ?? '';
    if (files.has(file)) continue;
    files.add(file);
    for (const [, name = ''] of readFileSync(join(SRC, file), 'utf8').matchAll(STATIC)) {
      if (name.startsWith('.')) pending.push(join(dirname(file), name));
      else if (!name.startsWith('node:')) packages.push(`${file} → ${name}`);
    }
  }
  return { files, packages };
}

test('a run that does nothing loads no package: that would be most of its time', () => {
  const { files, packages } = loadedBy('cli/main.ts', 'cli/run.ts');
  expect(files.size).toBeGreaterThan(40);
  expect(packages).toEqual([]);
});

test('a server without schedules loads nothing that runs steps', () => {
  const { files } = loadedBy('cli/main.ts', 'cli/server.ts');
  expect(files).toContain('compose-server.ts');
  expect([...files].filter((file) => /^(?:executors|schedule)\/|^engine\/driver\.ts/.test(file))).toEqual([]);
});

function mayImport(from: string, to: string): boolean {
  return from === to || row(to) < row(from);
}

function row(name: string): number {
  const found = LAYERS.findIndex((layer) => layer.includes(name));
  if (found === -1) throw new Error(`src/${name} is in no layer: add it to LAYERS`);
  return found;
}

/** The first folder of a path; files directly in `src/` wire things: they are the public entry points. */
function folder(path: string): string {
  if (/^compose(?:-\w+)?\.ts$/.test(path)) return 'compose';
  return path.includes('/') ? (path.split('/')[0] ?? '') : 'exports';
}
