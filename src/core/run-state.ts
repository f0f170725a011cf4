import type { RunEvent, RunFinished, RunStarted, StepEvent } from './events.ts';
import type { StepId } from './ids.ts';
import type { StepState } from './step-state.ts';
import { advance, PENDING } from './step-state.ts';

/** A run as its events tell it. Mutable, for ten thousand steps: only `foldRun` writes it. */
export interface RunState {
  started: RunStarted | undefined;
  finished: RunFinished | undefined;
  readonly steps: Map<StepId, StepState>;
}

export function emptyRun(): RunState {
  return { started: undefined, finished: undefined, steps: new Map() };
}

/** Takes one more event into `state`. */
export function foldRun(state: RunState, event: RunEvent): void {
  if (event.type === 'run.started') {
    state.started = event;
    for (const step of event.steps) state.steps.set(step, PENDING);
  } else if (event.type === 'run.finished') {
    state.finished = event;
  } else if (isStepEvent(event)) {
    state.steps.set(event.step, advance(state.steps.get(event.step) ?? PENDING, event));
  }
}

export function isStepEvent(event: RunEvent): event is StepEvent {
  return event.type.startsWith('step.');
}
