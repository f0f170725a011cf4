/**
 * What a source file imports, as written; for Python, relative to its folder. It reads text, not syntax:
 * it may name too much (a commented import), which costs a rerun, but a literal import is never missed.
 */
export function importsOf(path: string, source: string): string[] {
  if (path.endsWith('.py')) return pythonImports(source);
  return /\.[cm]?[jt]s$/.test(path) ? scriptImports(source) : [];
}

function scriptImports(source: string): string[] {
  const found = new Set<string>();
  for (const pattern of [
    /\b(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"\n]+)['"]/g,
    /\bimport\s*['"]([^'"\n]+)['"]/g,
    /\b(?:import|require)\s*\(\s*['"]([^'"\n]+)['"]/g,
  ])
    for (const [, specifier = ''] of source.matchAll(pattern)) found.add(specifier);
  return [...found];
}

function pythonImports(source: string): string[] {
  const found = new Set<string>();
  for (const [, dots = '', module = '', names = ''] of source.matchAll(
    /^[ \t]*from[ \t]+(\.*)([\w.]*)[ \t]+import[ \t]+([\w \t,.*()]+)/gm,
  )) {
    const base = `${dots.length > 1 ? '../'.repeat(dots.length - 1) : './'}${module.replaceAll('.', '/')}`;
    found.add(base);
    for (const name of names.matchAll(/\w+/g)) found.add(`${base === './' ? '.' : base}/${name[0]}`);
  }
  for (const [, names = ''] of source.matchAll(/^[ \t]*import[ \t]+([\w., \t]+)/gm))
    for (const name of names.split(',')) {
      const module = /^[ \t]*([\w.]+)/.exec(name)?.[1];
      if (module !== undefined) found.add(`./${module.replaceAll('.', '/')}`);
    }
  return [...found];
}
