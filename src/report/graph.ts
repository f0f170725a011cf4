import { styleText } from 'node:util';
import type { StepId } from '../core/ids.ts';
import type { Plan, PlanInput } from '../core/plan.ts';
import type { StepState } from '../core/step-state.ts';
import { LOOKS } from './looks.ts';

/** The graph of a plan, for people and for programs that draw. */
export const GRAPH_FORMATS = ['tree', 'mermaid', 'dot', 'json'] as const;
export type GraphFormat = (typeof GRAPH_FORMATS)[number];

type Kind = StepState['kind'];

/** Where each step stood at the end of the newest run; empty if there was none. */
export type KnownStates = ReadonlyMap<StepId, StepState>;

export function renderGraph(plan: Plan, states: KnownStates, format: GraphFormat, colour: boolean): string {
  switch (format) {
    case 'tree':
      return tree(plan, states, colour);
    case 'mermaid':
      return mermaid(plan, states);
    case 'dot':
      return dot(plan, states);
    case 'json':
      return `${JSON.stringify({
        recipe: plan.recipe,
        steps: plan.steps.map(({ id, needs, inputs, outputs }) => ({
          id,
          state: states.get(id)?.kind ?? null,
          needs,
          inputs,
          outputs,
        })),
      })}\n`;
  }
}

function tree({ steps }: Plan, states: KnownStates, colour: boolean): string {
  const width = Math.max(0, ...steps.map(({ id }) => id.length));
  return steps
    .map(({ id, inputs, outputs }) => {
      const from = Object.values(inputs).map(describeInput).join(', ');
      const to = Object.keys(outputs).join(', ');
      const kind = states.get(id)?.kind ?? 'pending';
      const name = `${LOOKS[kind].icon} ${id.padEnd(width)}`;
      const shown = colour ? styleText(LOOKS[kind].style, name, { validateStream: false }) : name;
      return `${shown}  ${from === '' ? '' : `← ${from}  `}${to === '' ? '' : `→ ${to}`}`.trimEnd();
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

function mermaid({ steps }: Plan, states: KnownStates): string {
  const name = names(steps.map(({ id }) => id));
  const nodes = steps.map(({ id }) => {
    const kind = states.get(id)?.kind;
    return `  ${name(id)}["${id.replaceAll('"', '#quot;')}"]${kind === undefined ? '' : `:::${kind}`}`;
  });
  const edges = steps.flatMap(({ id, needs }) => needs.map((need) => `  ${name(need)} --> ${name(id)}`));
  const kinds = new Set(steps.flatMap(({ id }): Kind[] => [states.get(id)?.kind ?? []].flat()));
  const looks = [...kinds].toSorted().map((kind) => `  classDef ${kind} fill:${LOOKS[kind].fill}`);
  return ['flowchart LR', ...nodes, ...edges, ...looks].join('\n').concat('\n');
}

function dot({ recipe, steps }: Plan, states: KnownStates): string {
  const quote = (text: string): string => JSON.stringify(text);
  const nodes = steps.map(({ id }) => {
    const kind = states.get(id)?.kind;
    const look =
      kind === undefined ? '' : ` [style=filled, fillcolor=${quote(LOOKS[kind].fill)}, tooltip=${kind}]`;
    return `  ${quote(id)}${look};`;
  });
  const edges = steps.flatMap(({ id, needs }) => needs.map((need) => `  ${quote(need)} -> ${quote(id)};`));
  return [`digraph ${quote(recipe)} {`, '  rankdir=LR;', '  node [shape=box];', ...nodes, ...edges, '}']
    .join('\n')
    .concat('\n');
}

function names(ids: readonly StepId[]): (id: StepId) => string {
  const numbers = new Map(ids.map((id, index) => [id, index]));
  return (id) => `s${numbers.get(id) ?? 0}`;
}
