import type { RunEvent } from '../core/events.ts';
import { PlainRenderer } from '../report/plain.ts';
import type { Context } from './context.ts';

/** Shows a run as it goes on: a picture that changes for a terminal, lines for everything else. */
export async function runView(context: Context): Promise<(event: RunEvent) => void> {
  return context.isTerminal ? (await import('./live-view.ts')).liveView(context) : textLines(context);
}

function textLines({ out }: Context): (event: RunEvent) => void {
  const renderer = new PlainRenderer();
  return (event) => {
    const lines = renderer.render(event);
    if (lines.length > 0) out(`${lines.join('\n')}\n`);
  };
}
