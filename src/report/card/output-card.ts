import type { CardBlock } from '../../core/card-block.ts';
import { isJsonObject, type Json } from '../../core/json.ts';
import { type CardContext, defineCard } from '../../step/define-card.ts';
import { tableBlocks } from './table-blocks.ts';

const MAX_ENTRIES = 200;
const MAX_TEXT = 400;

/** The card of a step that brings none: what is in each of its outputs, as far as their kinds tell. */
export const card = defineCard(async (context) => {
  const blocks: CardBlock[] = [];
  for (const name of Object.keys(context.outputs)) {
    const content = await contentOf(name, context);
    if (content.length > 0) blocks.push({ kind: 'heading', text: name }, ...content);
  }
  return blocks;
});

async function contentOf(name: string, { outputs, kinds, read, tmp }: CardContext): Promise<CardBlock[]> {
  switch (kinds[name]) {
    case 'table':
      return tableBlocks(outputs[name] ?? '', tmp);
    case 'metrics':
    case 'value':
      return valueBlocks(read(name) as Json);
    default:
      return [];
  }
}

function valueBlocks(value: Json): CardBlock[] {
  if (!isJsonObject(value)) return [{ kind: 'text', text: shortened(value) }];
  return [
    {
      kind: 'table',
      head: ['name', 'value'],
      rows: Object.entries(value)
        .slice(0, MAX_ENTRIES)
        .map(([key, inner]) => [key, typeof inner === 'number' ? inner : shortened(inner)]),
    },
  ];
}

function shortened(value: Json): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}
