import { createLogUpdate } from 'log-update';
import type { RunEvent } from '../core/events.ts';
import { emptyLive, foldLive, renderFrame } from '../report/live.ts';
import { PlainRenderer } from '../report/plain.ts';
import type { Context } from './context.ts';

const FRAME_MS = 100;

/** What is said once and stays on the screen above the frame. */
const LASTING = new Set<RunEvent['type']>([
  'step.output',
  'step.failed',
  'run.warning',
  'effect.done',
  'effect.unchanged',
  'effect.pending',
  'effect.skipped',
  'effect.failed',
  'run.finished',
]);

function lasts(event: RunEvent): boolean {
  return LASTING.has(event.type) || (event.type === 'step.report' && event.entry.type === 'warning');
}

/** The run as a picture that changes in place, for a terminal. */
export function liveView(context: Context): (event: RunEvent) => void {
  const state = emptyLive();
  const lines = new PlainRenderer();
  const frame = createLogUpdate(process.stdout);
  const draw = (): void =>
    frame(
      renderFrame(state, {
        columns: process.stdout.columns || context.columns,
        rows: process.stdout.rows || context.rows,
        now: context.world.clock.now(),
        colour: context.env['NO_COLOR'] === undefined,
      }),
    );
  const timer = setInterval(draw, FRAME_MS);
  return (event) => {
    foldLive(state, event);
    const said = lines.render(event);
    if (event.type === 'run.finished') {
      clearInterval(timer);
      draw();
      frame.done();
      context.out(`${said.join('\n')}\n`);
    } else if (lasts(event) && said.length > 0) {
      frame.clear();
      context.out(`${said.join('\n')}\n`);
      draw();
    }
  };
}
