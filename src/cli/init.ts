import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROW } from '../core/columns.ts';
import { ExitCode } from '../core/exit-code.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { FileReader } from '../recipe/file-reader.ts';
import { Source } from '../recipe/source.ts';
import { readTemplate } from '../recipe/template.ts';
import { openSource } from '../tables/open-source.ts';
import { profileTable } from '../tables/profile-table.ts';
import { readProblem } from '../tables/read-problem.ts';
import { quoteIdentifier } from '../tables/sql-text.ts';
import { renderRecipe, suggestRecipe } from '../tables/suggest-recipe.ts';
import { Tables } from '../tables/tables.ts';
import { type Context, flag, type Parsed, text } from './context.ts';

/** `recipe init --data FILE --target COLUMN [--template NAME]`: writes recipe.yaml from the file's own columns. */
export async function execute({ options }: Parsed, context: Context): Promise<ExitCode> {
  const data = text(options, 'data');
  const target = text(options, 'target');
  if (data === undefined || target === undefined)
    throw new RecipeError('USAGE', {
      problem: 'recipe init needs --data FILE and --target COLUMN',
      command: 'init',
    });
  const file = join(context.cwd, 'recipe.yaml');
  if (existsSync(file))
    throw new RecipeError('USAGE', { problem: `${file} exists already`, command: 'init' });
  const template = text(options, 'template');
  if (template !== undefined) checkTemplate(template, target, context);
  const path = resolve(context.cwd, data);
  if (!existsSync(path))
    throw new RecipeError('USAGE', { problem: `There is no file ${data}`, command: 'init' });
  const tmp = mkdtempSync(join(tmpdir(), 'recipe-init-'));
  try {
    await using tables = await Tables.open({ threads: 2, tmp });
    const table = join(tmp, 'data.parquet');
    const { select } = await openSource(tables, path, { name: data, tmp });
    await tables
      .writeTable(`SELECT row_number() OVER () - 1 AS ${quoteIdentifier(ROW)}, * FROM (${select})`, table)
      .catch((cause: unknown) => {
        throw new RecipeError('DATA_UNREADABLE', { file: data, problem: readProblem(cause) }, { cause });
      });
    const profile = await profileTable(tables, table);
    if (profile.rows === 0) throw new RecipeError('DATA_FILE_EMPTY', { file: data });
    const suggestion = suggestRecipe(profile, target, template);
    const recipe = renderRecipe(suggestion, profile, {
      location: locationOf(path, context.cwd),
      target,
      modelName:
        basename(path)
          .replace(/\.\w+(?:\.gz)?$/, '')
          .replaceAll(/[^A-Za-z0-9_-]+/g, '-')
          .replace(/^[^A-Za-z0-9]+/, '') || 'model',
    });
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, recipe, { flag: 'wx' });
    if (flag(options, 'json')) context.out(`${JSON.stringify({ file, ...suggestion })}\n`);
    else {
      context.out(`recipe.yaml written: ${suggestion.template}, as ${suggestion.because}\n`);
      for (const { column, reason } of suggestion.drop) context.out(`  ${column} is set aside: ${reason}\n`);
      for (const { value, count } of suggestion.rare)
        context.out(`  rows of the class ${value} are left out: there are ${count}\n`);
      context.out('Run it with `recipe run`.\n');
    }
    return ExitCode.ok;
  } finally {
    rmSync(tmp, { recursive: true, force: true });
  }
}

/** Steps and keys that the recipe is going to fill in. */
const FILLED_STEPS = ['ingest', 'split', 'train', 'evaluate', 'register'];

/** @throws RecipeError TEMPLATE_NOT_FOUND; USAGE if the template lacks what is filled in */
function checkTemplate(name: string, target: string, { cwd, packageDir }: Context): void {
  const source = new Source('--template', name);
  const span = { source, start: 0, end: name.length };
  const shipped = join(packageDir, 'recipes', 'templates');
  const { steps, keys } = readTemplate(new FileReader(cwd), shipped, name, span);
  const missing = [
    ...FILLED_STEPS.filter((step) => !steps.entries.has(step)).map((step) => `the step ${step}`),
    ...['target_col', 'primary_metric']
      .filter((key) => !Object.hasOwn(keys, key))
      .map((key) => `the key ${key}`),
  ];
  if (missing.length > 0)
    throw new RecipeError('USAGE', {
      problem: `The template ${name} lacks ${missing.join(', ')}: write the recipe for ${target} by hand`,
      command: 'init',
    });
}

/** Inside the project as a path from it, elsewhere as an address of this machine. */
function locationOf(path: string, cwd: string): string {
  const inside = relative(cwd, path);
  return inside.startsWith('..') || isAbsolute(inside) ? pathToFileURL(path).href : `./${inside}`;
}
