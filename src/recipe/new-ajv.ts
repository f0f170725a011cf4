import { createRequire } from 'node:module';
import type { Ajv2020, Options } from 'ajv/dist/2020.js';

/** A validator of JSON Schema 2020-12. Loaded when first asked for: a recipe of commands needs none. */
export function newAjv(options: Options): Ajv2020 {
  const { Ajv2020: Loaded } = require('ajv/dist/2020.js') as typeof import('ajv/dist/2020.js');
  return new Loaded(options);
}

const require = createRequire(import.meta.url);
