import type { Json, JsonObject } from '../core/json.ts';
import { TOP_KEYS } from './engine-keys.ts';
import { evaluate } from './evaluate.ts';
import type { FileReader } from './file-reader.ts';
import { nearest } from './nearest.ts';
import { newAjv } from './new-ajv.ts';
import { parseYaml } from './parse-yaml.ts';
import { EMPTY_SCOPE } from './profile.ts';
import { invalid, knownKeys, mapTree, textList } from './read-value.ts';
import { errorAt, type Span } from './source.ts';
import { type Entry, type MapTree, mapOf, type Tree } from './tree.ts';

/** A default map of steps, and the top-level keys by which a recipe fills it in. */
export interface Template {
  readonly name: string;
  readonly steps: MapTree;
  /** JSON Schema of each key: `target_col`, `primary_metric` … */
  readonly keys: Readonly<Record<string, JsonObject>>;
  readonly required: readonly string[];
}

/**
 * Reads a template: one's own under `templates/`, else a shipped one.
 *
 * @throws RecipeError TEMPLATE_NOT_FOUND
 */
export function readTemplate(files: FileReader, templatesDir: string, name: string, span: Span): Template {
  const isName = /^[a-z][\w-]*(?:\/[\w-]+)*$/i.test(name);
  const source = isName
    ? (files.read(`templates/${name}.yaml`) ?? files.read(`${templatesDir}/${name}.yaml`))
    : undefined;
  const tree = source === undefined ? undefined : parseYaml(source);
  if (tree === undefined) {
    const known = ['templates/**/*.yaml', `${templatesDir}/**/*.yaml`].flatMap((pattern) =>
      files.glob(pattern),
    );
    const names = known.map((path) => path.replace(/^.*?templates\//, '').replace(/\.yaml$/, ''));
    throw errorAt(span, 'TEMPLATE_NOT_FOUND', { template: name, known: names, near: nearest(name, names) });
  }
  const map = mapTree(tree, `the template ${name}`);
  knownKeys(map, `The template ${name}`, ['title', 'keys', 'required', 'steps']);
  const [keys, required, steps] = ['keys', 'required', 'steps'].map((key) => map.entries.get(key)?.value);
  const schemas = keys === undefined ? new Map<string, Entry>() : mapTree(keys, 'keys').entries;
  for (const [key, entry] of schemas) checkSchema(key, entry);
  return {
    name,
    steps: steps === undefined ? mapOf([], map.span) : mapTree(steps, 'steps'),
    keys: (keys === undefined ? {} : evaluate(keys, EMPTY_SCOPE)) as Record<string, JsonObject>,
    required: required === undefined ? [] : textList(required, 'required', EMPTY_SCOPE),
  };
}

function checkSchema(key: string, { key: span, value }: Entry): void {
  if (!/^[a-z][a-z0-9_]*$/.test(key) || (TOP_KEYS as readonly string[]).includes(key))
    throw invalid(span, `the key ${key}`, 'is no name for a key of a template');
  const schema = evaluate(mapTree(value, `keys.${key}`), EMPTY_SCOPE) as JsonObject;
  try {
    newAjv({ strict: false }).compile(schema);
  } catch (cause) {
    const problem = `is no JSON Schema: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw errorAt(value.span, 'VALUE_INVALID', { what: `keys.${key}`, problem }, { cause });
  }
}

/** The value of a key that the template declares, checked; its default if the recipe lacks it. */
export function checkKey(
  template: Template,
  key: string,
  value: Json | undefined,
  tree: Tree | undefined,
  whole: Span,
): Json {
  const schema = template.keys[key] ?? {};
  if (value === undefined) {
    if (template.required.includes(key)) throw errorAt(whole, 'KEY_MISSING', { key, where: 'The recipe' });
    return schema['default'] ?? null;
  }
  const ajv = newAjv({ strict: false });
  if (!ajv.validate(schema, value))
    throw errorAt(tree?.span ?? whole, 'VALUE_INVALID', {
      what: key,
      problem: ajv.errors?.[0]?.message ?? 'is not valid',
    });
  return value;
}
