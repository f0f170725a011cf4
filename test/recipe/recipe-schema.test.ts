import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { ENGINE_KEYS, TOP_KEYS } from '../../src/recipe/engine-keys.ts';
import { RecipeSchema } from '../../src/recipe/recipe-schema.ts';

const ROOT = join(import.meta.dirname, '../..');

describe('the schema for editors', () => {
  test('is the one that is committed', () => {
    expect(JSON.parse(readFileSync(join(ROOT, 'schema/recipe.schema.json'), 'utf8'))).toEqual(
      JSON.parse(JSON.stringify(RecipeSchema)),
    );
  });

  test('has every key that is read, and no other', () => {
    const { properties } = RecipeSchema;
    expect(new Set(Object.keys(properties))).toEqual(new Set(TOP_KEYS));
    const step = JSON.parse(JSON.stringify(properties.steps)) as {
      patternProperties: Record<string, { anyOf: { properties: object }[] }>;
    };
    const [first] = Object.values(step.patternProperties);
    expect(new Set(Object.keys(first?.anyOf[0]?.properties ?? {}))).toEqual(new Set(ENGINE_KEYS));
  });

  test.each(globSync('recipes/*/recipe.yaml', { cwd: ROOT }))('%s fits', (path) => {
    const value: unknown = parse(
      readFileSync(join(ROOT, path), 'utf8').replaceAll(/: (\{\{.*?\}\})$/gm, ': "$1"'),
    );
    const ajv = new Ajv2020({ strict: false });
    expect(ajv.validate(RecipeSchema, value) ? [] : ajv.errors).toEqual([]);
  });
});
