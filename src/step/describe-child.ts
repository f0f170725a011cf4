import { writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isDefinition, manifestOf } from './manifest-of.ts';
import { resolveOwnExports } from './own-exports.ts';

/**
 * Main module of the process that describes a step: `describe-child ENTRY`. Writes to its descriptor 3 the
 * manifest that the module's export `step` amounts to, or null where it has none.
 */
const [entry = ''] = process.argv.slice(2);

resolveOwnExports();
const module = (await import(pathToFileURL(entry).href)) as { readonly step?: unknown };
writeFileSync(3, JSON.stringify(isDefinition(module.step) ? manifestOf(module.step, basename(entry)) : null));
// A module may hold timers or servers; what it says of itself is said.
process.exit(0);
