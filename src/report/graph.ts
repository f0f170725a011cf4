import type { StepId } from '../core/ids.ts';
import type { Plan, PlanInput } from '../core/plan.ts';

/** The graph of a plan, for people and for programs that draw. */
export const GRAPH_FORMATS = ['tree', 'mermaid', 'dot', 'json'] as const;
export type GraphFormat = (typeof GRAPH_FORMATS)[number];

export function renderGraph(plan: Plan, format: GraphFormat): string {
  switch (format) {
    case 'tree':
      return tree(plan);
    case 'mermaid':
      return mermaid(plan);
    case 'dot':
      return dot(plan);
    case 'json':
      return `${JSON.stringify({ recipe: plan.recipe, steps: plan.steps.map(({ id, needs, inputs, outputs }) => ({ id, needs, inputs, outputs })) })}\n`;
  }
}

function tree({ steps }: Plan): string {
  const width = Math.max(0, ...steps.map(({ id }) => id.length));
  return steps
    .map(({ id, inputs, outputs }) => {
      const from = Object.values(inputs).map(describeInput).join(', ');
      const to = Object.keys(outputs).join(', ');
      return `${id.padEnd(width)}  ${from === '' ? '' : `← ${from}  `}${to === '' ? '' : `→ ${to}`}`.trimEnd();
    })
    .join('\n')
    .concat('\n');
}

function describeInput(input: PlanInput): string {
  switch (input.kind) {
    case 'output':
      return `${input.step}.${input.output}`;
    case 'cells':
      return `${input.cells.length} × .${input.output}`;
    case 'path':
      return `./${input.path}`;
    case 'uri':
      return input.uri;
    case 'model':
      return input.reference;
    case 'list':
      return `[${input.items.map(describeInput).join(', ')}]`;
  }
}

function mermaid({ steps }: Plan): string {
  const name = names(steps.map(({ id }) => id));
  const nodes = steps.map(({ id }) => `  ${name(id)}["${id.replaceAll('"', '#quot;')}"]`);
  const edges = steps.flatMap(({ id, needs }) => needs.map((need) => `  ${name(need)} --> ${name(id)}`));
  return ['flowchart LR', ...nodes, ...edges].join('\n').concat('\n');
}

function dot({ recipe, steps }: Plan): string {
  const quote = (text: string): string => JSON.stringify(text);
  const nodes = steps.map(({ id }) => `  ${quote(id)};`);
  const edges = steps.flatMap(({ id, needs }) => needs.map((need) => `  ${quote(need)} -> ${quote(id)};`));
  return [`digraph ${quote(recipe)} {`, '  rankdir=LR;', '  node [shape=box];', ...nodes, ...edges, '}']
    .join('\n')
    .concat('\n');
}

function names(ids: readonly StepId[]): (id: StepId) => string {
  const numbers = new Map(ids.map((id, index) => [id, index]));
  return (id) => `s${numbers.get(id) ?? 0}`;
}
