import type { styleText } from 'node:util';
import type { StepState } from '../core/step-state.ts';

interface Look {
  readonly icon: string;
  readonly style: Parameters<typeof styleText>[0];
  /** For drawings: `#rrggbb`. */
  readonly fill: string;
}

/** How a state looks, wherever a step is shown. */
export const LOOKS: Readonly<Record<StepState['kind'], Look>> = {
  pending: { icon: '·', style: 'dim', fill: '#ffffff' },
  waiting: { icon: '◌', style: 'yellow', fill: '#fdf0c4' },
  running: { icon: '▶', style: 'cyan', fill: '#c9e6f5' },
  retrying: { icon: '↻', style: 'yellow', fill: '#fdf0c4' },
  cached: { icon: '✓', style: 'green', fill: '#dcefdc' },
  succeeded: { icon: '✓', style: 'green', fill: '#b9e0b9' },
  failed: { icon: '✗', style: 'red', fill: '#f5c6c3' },
  skipped: { icon: '–', style: 'dim', fill: '#eeeeee' },
  cancelled: { icon: '–', style: 'dim', fill: '#eeeeee' },
};
