import { createRequire } from 'node:module';
import type * as ajv from 'ajv/dist/2020.js';

/** A validator of JSON Schema 2020-12. Loaded when first asked for: a recipe of commands needs none. */
export function newAjv(options: ajv.Options): ajv.Ajv2020 {
  const { Ajv2020 } = require('ajv/dist/2020.js') as typeof ajv;
  return new Ajv2020(options);
}

const require = createRequire(import.meta.url);
