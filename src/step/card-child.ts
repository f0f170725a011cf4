import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import type { CardContext, CardDefinition, CardFile } from './define-card.ts';
import { resolveOwnExports } from './own-exports.ts';

/**
 * Main module of the process that makes a card: `card-child ENTRY FILE TARGET`. Writes the blocks that
 * the module's export `card` gives, or null where it has none.
 */
const [entry = '', file = '', target = ''] = process.argv.slice(2);

resolveOwnExports();
const module = (await import(pathToFileURL(entry).href)) as { readonly card?: CardDefinition };
const blocks = module.card === undefined ? null : await module.card(contextFrom(file));
writeFileSync(target, JSON.stringify(blocks));

function contextFrom(path: string): CardContext {
  const context = JSON.parse(readFileSync(path, 'utf8')) as CardFile;
  return {
    ...context,
    read: (output) => {
      const place = context.outputs[output];
      if (place === undefined) throw new Error(`the step ${context.step} has no output ${output}`);
      return JSON.parse(readFileSync(place, 'utf8'));
    },
  };
}
