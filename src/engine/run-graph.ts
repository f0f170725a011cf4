import type { OutputRef } from '../core/events.ts';
import type { Digest, StepId } from '../core/ids.ts';
import { isTree } from '../core/kinds.ts';
import type { Plan, PlanStep } from '../core/plan.ts';
import type { History } from './history.ts';
import { longestWays, makespanMs, type TimedWork } from './makespan.ts';
import type { Role } from './selection.ts';

/** A step as the driver sees it during a run. Only the driver writes it, and what it has for that. */
export interface RunNode {
  readonly step: PlanStep;
  readonly index: number;
  readonly role: Role;
  readonly dependents: number[];
  /** Steps it needs that are not done. */
  missing: number;
  phase: 'pending' | 'ready' | 'waiting' | 'done' | 'ended';
  outputs: Readonly<Record<string, OutputRef>> | undefined;
  /** False if what it gave was not published: nothing that follows has effects. */
  published: boolean;
  /** It ran again because a blob of its result was lost. */
  rewound: boolean;
  /** Steps that it has waited for a second time, as it missed a blob of theirs. */
  readonly waitedAgain: Set<RunNode>;
}

/** The plan's steps, joined both ways, by number. */
export class RunGraph {
  readonly nodes: readonly RunNode[];
  readonly #indexOf: ReadonlyMap<StepId, number>;
  #priorities: Float64Array | undefined;

  constructor(plan: Plan, roles: readonly Role[]) {
    this.#indexOf = new Map(plan.steps.map((step, index) => [step.id, index]));
    this.nodes = plan.steps.map((step, index) => ({
      step,
      index,
      role: roles[index] ?? 'run',
      dependents: [],
      missing: step.needs.length,
      phase: 'pending',
      outputs: undefined,
      published: true,
      rewound: false,
      waitedAgain: new Set(),
    }));
    for (const node of this.nodes)
      for (const need of node.step.needs) this.get(need).dependents.push(node.index);
  }

  get(id: StepId): RunNode {
    return this.at(this.#indexOf.get(id) ?? -1);
  }

  at(index: number): RunNode {
    const node = this.nodes[index];
    if (node === undefined) throw new Error(`Internal error: no step number ${index}`);
    return node;
  }

  outputOf(step: StepId, name: string): OutputRef & { path: string } {
    const node = this.get(step);
    const output = node.outputs?.[name];
    const path = node.step.outputs[name]?.path;
    if (output === undefined || path === undefined)
      throw new Error(`Internal error: ${step} has no output ${name}`);
    return { ...output, path };
  }

  /**
   * The step that a node has a blob from.
   *
   * @param listed what a folder holds; undefined if its list is lost
   */
  makerOf(
    node: RunNode,
    digest: Digest,
    listed: (folder: Digest) => ReadonlySet<Digest> | undefined,
  ): RunNode | undefined {
    const makers = node.step.needs.map((need) => this.get(need));
    const givenBy = (test: (output: OutputRef) => boolean): RunNode | undefined =>
      makers.find(({ outputs }) => Object.values(outputs ?? {}).some(test));
    return (
      givenBy((output) => output.digest === digest) ??
      givenBy((output) => isTree(output.kind) && listed(output.digest)?.has(digest) === true) ??
      givenBy((output) => isTree(output.kind) && listed(output.digest) === undefined)
    );
  }

  /** All that need a node, directly or not, and have not begun; nearest first. */
  pendingBelow(node: RunNode): RunNode[] {
    const found = new Set<RunNode>();
    for (const pending = [...node.dependents]; pending.length > 0; ) {
      const dependent = this.at(pending.shift() ?? -1);
      if (dependent.phase !== 'pending' || found.has(dependent)) continue;
      found.add(dependent);
      pending.push(...dependent.dependents);
    }
    return [...found];
  }

  /** Length of the longest way from a step to the end, in recorded milliseconds; 0 until `rank` was called. */
  priority(index: number): number {
    return this.#priorities?.[index] ?? 0;
  }

  /** Works the priorities out, once something must run. */
  rank(history: History): void {
    if (this.#priorities !== undefined) return;
    this.#priorities = longestWays(
      this.nodes.map(({ step }) => ({ durationMs: history.get(step.id)?.durationMs ?? 1 })),
      this.nodes.map(({ dependents }) => dependents),
    );
  }

  /** How long the run takes if nothing is cached; undefined if a step was never timed. */
  expectedMs(history: History, jobs: number): number | undefined {
    const work: TimedWork[] = [];
    for (const { step, role } of this.nodes) {
      const known = role === 'run' ? history.get(step.id)?.durationMs : 0;
      if (known === undefined) return undefined;
      work.push({ durationMs: known, needs: step.needs.map((need) => this.get(need).index) });
    }
    return makespanMs(work, jobs);
  }
}
