import { DirectedGraph } from 'graphology';
import type { StepId, StepName } from '../core/ids.ts';
import type { PlanInput, PlanStep } from '../core/plan.ts';
import { RecipeError } from '../core/recipe-error.ts';
import type { BuiltStep, DraftInput } from './build-step.ts';
import type { Cell } from './matrix.ts';
import { nearest } from './nearest.ts';
import type { Reference } from './parse-reference.ts';
import { errorAt, positionOf, type Span } from './source.ts';

/** A step with its cells worked out. */
export interface BuiltCells {
  readonly name: StepName;
  readonly span: Span;
  readonly hasMatrix: boolean;
  readonly cells: readonly { readonly cell: Cell; readonly built: BuiltStep }[];
}

/**
 * Joins references to the steps they name and puts the steps into a topological order, in which steps
 * that do not need each other keep the order of the file.
 *
 * @throws RecipeError INPUT_STEP_UNKNOWN, STEP_CYCLE
 */
export function joinSteps(steps: readonly BuiltCells[]): PlanStep[] {
  const byName = new Map(steps.map((step) => [step.name as string, step]));
  const joined = steps.flatMap((step) =>
    step.cells.map(({ cell, built }): PlanStep => {
      const { draftInputs, ...rest } = built;
      const inputs: Record<string, PlanInput> = {};
      for (const input of draftInputs) inputs[input.name] = joinInput(step, cell, input, byName);
      return {
        ...rest,
        id: idOf(step, cell),
        name: step.name,
        ...(step.hasMatrix ? { cell: cell.axes } : {}),
        inputs,
        needs: [...new Set(Object.values(inputs).flatMap(needsOf))],
      };
    }),
  );
  return inOrder(joined, byName);
}

function idOf(step: BuiltCells, cell: Cell): StepId {
  return (step.hasMatrix ? `${step.name}@${cell.name}` : step.name) as StepId;
}

function joinInput(
  step: BuiltCells,
  cell: Cell,
  input: DraftInput,
  byName: ReadonlyMap<string, BuiltCells>,
): PlanInput {
  const items = input.references.map(({ reference, span }) =>
    joinReference(step, cell, reference, span, byName),
  );
  const [only] = items;
  return !input.isList && only !== undefined ? only : { kind: 'list', items };
}

function joinReference(
  step: BuiltCells,
  cell: Cell,
  reference: Reference,
  span: Span,
  byName: ReadonlyMap<string, BuiltCells>,
): PlanInput {
  if (reference.kind === 'path') return { ...reference, at: positionOf(span) };
  if (reference.kind !== 'step') return reference;
  const producer = byName.get(reference.step);
  const text = `${reference.step}${reference.cell === undefined ? '' : `@${reference.cell}`}${reference.all ? '.*' : ''}.${reference.output}`;
  const unknown = (candidates: Iterable<string>): Error =>
    errorAt(span, 'INPUT_STEP_UNKNOWN', {
      step: step.name,
      reference: text,
      near: nearest(text, candidates),
    });
  if (producer === undefined) throw unknown(allOutputs(byName));
  if (!producer.cells.every(({ built }) => Object.hasOwn(built.outputs, reference.output)))
    throw unknown(allOutputs(byName));
  if (reference.all)
    return {
      kind: 'cells',
      output: reference.output,
      cells: producer.cells.map((one) => ({
        cell: one.cell.name || producer.name,
        step: idOf(producer, one.cell),
      })),
    };
  const chosen = chooseCell(producer, reference.cell, step, cell);
  if (chosen === undefined) throw unknown([`${reference.step}.*.${reference.output}`]);
  return { kind: 'output', step: idOf(producer, chosen), output: reference.output };
}

/** The cell named; or, between two matrices, the one with equal axes. */
function chooseCell(
  producer: BuiltCells,
  name: string | undefined,
  step: BuiltCells,
  cell: Cell,
): Cell | undefined {
  if (!producer.hasMatrix) return name === undefined ? producer.cells[0]?.cell : undefined;
  if (name !== undefined) return producer.cells.find((one) => one.cell.name === name)?.cell;
  if (!step.hasMatrix) return undefined;
  return producer.cells.find(({ cell: other }) =>
    Object.entries(other.axes).every(
      ([axis, value]) =>
        Object.hasOwn(cell.axes, axis) && JSON.stringify(cell.axes[axis]) === JSON.stringify(value),
    ),
  )?.cell;
}

function* allOutputs(byName: ReadonlyMap<string, BuiltCells>): Generator<string> {
  for (const [name, { cells, hasMatrix }] of byName)
    for (const output of Object.keys(cells[0]?.built.outputs ?? {}))
      yield `${name}${hasMatrix ? '.*' : ''}.${output}`;
}

function needsOf(input: PlanInput): StepId[] {
  switch (input.kind) {
    case 'output':
      return [input.step];
    case 'cells':
      return input.cells.map(({ step }) => step);
    case 'list':
      return input.items.flatMap(needsOf);
    default:
      return [];
  }
}

function inOrder(steps: readonly PlanStep[], byName: ReadonlyMap<string, BuiltCells>): PlanStep[] {
  const graph = new DirectedGraph<{ step: PlanStep; missing: number }>();
  for (const step of steps) graph.addNode(step.id, { step, missing: step.needs.length });
  for (const step of steps) for (const need of step.needs) graph.addDirectedEdge(need, step.id);
  const position = new Map(steps.map((step, index) => [step, index]));
  const ordered: PlanStep[] = [];
  let ready = steps.filter((step) => step.needs.length === 0);
  while (ready.length > 0) {
    const next: PlanStep[] = [];
    for (const step of ready) {
      ordered.push(step);
      graph.forEachOutNeighbor(step.id, (id, node) => {
        graph.setNodeAttribute(id, 'missing', node.missing - 1);
        if (node.missing === 0) next.push(node.step);
      });
    }
    ready = next.toSorted((a, b) => (position.get(a) ?? 0) - (position.get(b) ?? 0));
  }
  if (ordered.length < steps.length) throw cycleError(steps, new Set(ordered), byName);
  return ordered;
}

/** Walks back along needs among what could not be ordered until a step comes up again. */
function cycleError(
  steps: readonly PlanStep[],
  ordered: ReadonlySet<PlanStep>,
  byName: ReadonlyMap<string, BuiltCells>,
): RecipeError {
  const byId = new Map(steps.map((step) => [step.id, step]));
  const path: PlanStep[] = [];
  let at = steps.find((step) => !ordered.has(step));
  while (at !== undefined && !path.includes(at)) {
    path.push(at);
    at = at.needs.map((id) => byId.get(id)).find((step) => step !== undefined && !ordered.has(step));
  }
  const cycle = at === undefined ? path : [...path.slice(path.indexOf(at)), at];
  const names = cycle.toReversed().map((step) => step.id);
  const span = byName.get(cycle[0]?.name ?? '')?.span;
  return span === undefined
    ? new RecipeError('STEP_CYCLE', { path: names })
    : errorAt(span, 'STEP_CYCLE', { path: names });
}
