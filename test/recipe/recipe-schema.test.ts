import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { ENGINE_KEYS, TOP_KEYS } from '../../src/recipe/engine-keys.ts';
import { PROFILE_SETTINGS } from '../../src/recipe/profile.ts';
import { ProfileSchema } from '../../src/recipe/profile-schema.ts';
import { RecipeSchema } from '../../src/recipe/recipe-schema.ts';
import { inProcess } from '../rigs/in-process.ts';

const ROOT = join(import.meta.dirname, '../..');

describe('the schema for editors', () => {
  test('is the one that is committed', () => {
    expect(JSON.parse(readFileSync(join(ROOT, 'schema/recipe.schema.json'), 'utf8'))).toEqual(
      JSON.parse(JSON.stringify(RecipeSchema)),
    );
  });

  test('so is that of profiles, with every setting and no other', () => {
    expect(JSON.parse(readFileSync(join(ROOT, 'schema/profile.schema.json'), 'utf8'))).toEqual(
      JSON.parse(JSON.stringify(ProfileSchema)),
    );
    expect(new Set(Object.keys(ProfileSchema.properties))).toEqual(new Set(PROFILE_SETTINGS));
  });

  test('`recipe schema` prints them', async () => {
    for (const [args, file] of [
      [[], 'recipe'],
      [['recipe'], 'recipe'],
      [['profile'], 'profile'],
    ] as const) {
      const { exit, out } = await inProcess(ROOT, 'schema', ...args);
      expect({ exit, out }).toEqual({
        exit: 0,
        out: readFileSync(join(ROOT, `schema/${file}.schema.json`), 'utf8'),
      });
    }
    expect(await inProcess(ROOT, 'schema', 'profiel')).toMatchObject({
      exit: 2,
      err: expect.stringContaining('There is no schema of profiel; did you mean profile?') as string,
    });
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

  test.each(globSync('recipes/*/profiles/*.yaml', { cwd: ROOT }))('%s fits', (path) => {
    const ajv = new Ajv2020({ strict: false });
    const value: unknown = parse(readFileSync(join(ROOT, path), 'utf8'));
    expect(ajv.validate(ProfileSchema, value) ? [] : ajv.errors).toEqual([]);
  });

  test.each([
    ['exectuor: local', false],
    ['executor: fleet\nredis: { url: "redis://h", prefix: a }', true],
    ['executor: cloud', false],
    ['limits: { warehouse: 0 }', false],
    ['secrets: { A: { env: A, file: a } }', false],
    ['cache: { max_size: 10GB, salt: s }\nURL: [1]\nlimits: { warehouse: 3 }', true],
  ])('a profile with %s: %s', (text, fits) => {
    expect(new Ajv2020({ strict: false }).validate(ProfileSchema, parse(text))).toBe(fits);
  });

  test.each(globSync('recipes/*/recipe.yaml', { cwd: ROOT }))('%s fits', (path) => {
    const value: unknown = parse(
      readFileSync(join(ROOT, path), 'utf8').replaceAll(/: (\{\{.*?\}\})$/gm, ': "$1"'),
    );
    const ajv = new Ajv2020({ strict: false });
    expect(ajv.validate(RecipeSchema, value) ? [] : ajv.errors).toEqual([]);
  });
});
