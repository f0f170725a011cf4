import type { RegressorReport } from 'stockpot/learn';
import type { CardBlock } from 'stockpot/steps';

/** Predictions against the truth, and how the residuals spread. */
export function regressorBlocks({ scatter, residuals }: RegressorReport): CardBlock[] {
  return [
    {
      kind: 'dots',
      title: 'Predicted against true',
      x: 'true',
      y: 'predicted',
      points: scatter.map(([truth, prediction]) => [truth, prediction]),
      diagonal: true,
    },
    {
      kind: 'lines',
      title: 'Residuals',
      x: 'true less predicted',
      y: 'rows',
      series: [{ name: 'rows', points: residuals.map(({ from, to, rows }) => [(from + to) / 2, rows]) }],
    },
  ];
}
