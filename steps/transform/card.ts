import type { Feature, Transformer } from 'stockpot/learn';
import { type CardBlock, defineCard } from 'stockpot/steps';

const SHOWN = 300;

/** Which columns became which features, and which were left out. */
export const card = defineCard(({ read }) => {
  const { features, inputs, dropped, target } = read('transformer') as Transformer;
  const blocks: CardBlock[] = [
    {
      kind: 'text',
      text: `${features.length} features from ${inputs.length} columns, to predict ${target.column} (${target.task}).`,
    },
    {
      kind: 'table',
      head: ['feature', 'operation', 'column', 'fitted on the training rows'],
      rows: features
        .slice(0, SHOWN)
        .map((feature) => [feature.name, feature.op, feature.column, fittedOf(feature)]),
    },
  ];
  if (features.length > SHOWN) blocks.push({ kind: 'text', text: `The first ${SHOWN} features are shown.` });
  if (dropped.length > 0)
    blocks.push(
      { kind: 'heading', text: 'Left out' },
      { kind: 'table', head: ['column', 'why'], rows: dropped.map(({ column, reason }) => [column, reason]) },
    );
  return blocks;
});

function fittedOf(feature: Feature): string {
  switch (feature.op) {
    case 'scale':
      return `mean ${feature.mean.toPrecision(5)}, deviation ${feature.std.toPrecision(5)}, missing as ${feature.fill.toPrecision(5)}`;
    case 'frequency':
      return `${feature.shares.length} values`;
    case 'one-hot':
      return feature.value;
    default:
      return '';
  }
}
